"""The search: stage 1 of every shape, their speed, the study, and the student that is wanted, with its proof."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tmkd.console import note
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.comparison import Comparison, Judged
from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.quality import correct
from tmkd.models.folders import fetch
from tmkd.models.folders import publish as publish_folder
from tmkd.models.hashes import HASHES, refuse_changed
from tmkd.search.pareto import Candidate, check_limit, front, pick
from tmkd.search.shape import Shape
from tmkd.search.study import Study, Tried, check_optuna, run_study
from tmkd.search.timing import ShapeSpeed, Timing, machine, time_shapes
from tmkd.search.trial import ACCURACY, SHAPE, Lab, check_rungs
from tmkd.steps.conditions import check_steps
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus
from tmkd.steps.labels import HELD_OUT
from tmkd.steps.pair_split import Split, read_split
from tmkd.steps.preflight import check_models
from tmkd.steps.ready import label
from tmkd.steps.student.stages import has_stage_1
from tmkd.studies.comparison.training import SCORES, score_all
from tmkd.studies.search.space import (
    OBJECTIVE,
    StageMaker,
    first_points,
    shape_recipe,
    shapes,
    space,
    trial_recipe,
)
from tmkd.studies.search.super_student import check_shapes, ensure_stage_1
from tmkd.training.divergence import is_final
from tmkd.training.learned import check_learned
from tmkd.training.plan import NOTE, read_note
from tmkd.training.run import worker_resources
from tmkd.training.validation import MAX_ROWS
from tmkd.workspace import fingerprint

ENSEMBLE = "ensemble"
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        study: its identity.
        tried: every trial.
        speed: of every shape.
        front: whole trials that no other beats in both quality and time, the fastest first.
        chosen: of them, what was asked for.
        ensemble: accuracy of the teachers' ensemble on the validation split.
        proof: of the front and the ensemble on the judged split; None without golden labels there.
        split: the judged one.
    """

    study: str
    tried: Sequence[Tried]
    speed: Mapping[str, ShapeSpeed]
    front: Sequence[Candidate]
    chosen: Candidate
    ensemble: float
    proof: Comparison | None
    split: str


def search(context: Context) -> Searched:
    """Run the search as far as it has not run, and pick from its front.

    Raises:
        UserError: for spans, a corpus that has no text or labels for it, or if no trial was finished.
    """
    recipe = context.recipe
    wanted = _check(context)
    corpus = _prepare(context)
    starts = ensure_stage_1(context, corpus, wanted)
    judged = read_split(context, corpus, recipe.evaluation.split)
    speed = _timed(context, starts, judged)
    check_limit(min(each.milliseconds for each in speed.values()), recipe.search.under_ms)
    study = _study(context, corpus, starts, speed)
    tried = [_with_speed(each, speed) for each in _tried(context, study)]
    candidates = [_candidate(each) for each in tried if each.state == "whole"]
    if not candidates:
        reasons = "; ".join(dict.fromkeys(each.reason for each in tried if each.reason))
        raise UserError(f"search: no trial was finished, and the same command tries again: {reasons}")
    ensemble = _ensemble_accuracy(read_split(context, corpus, HELD_OUT))
    kept = front(candidates)
    chosen = pick(candidates, recipe.search.under_ms, recipe.search.at_least, ensemble)
    proof = _prove(context, corpus, [*kept], judged)
    _keep(context, chosen)
    return Searched(study.identity, tried, speed, kept, chosen, ensemble, proof, recipe.evaluation.split)


def _check(context: Context) -> list[Shape]:
    """Find what the recipe and its models tell before anything is spent; returns the shapes."""
    recipe = context.recipe
    if not recipe.task.has_studies:
        raise UserError(f"search: for pairs so far, but corpus.task is {recipe.task.name}")
    if not recipe.pretrain.enabled:
        raise UserError(
            "search: trials start from a stage 1 of this corpus, but pretrain.enabled is false (finetune.starts_from "
            "is for jobs/tmkd_finetune.py and jobs/compare.py); enable it, and give a corpus with unlabeled text"
        )
    check_optuna()
    wanted = shapes(recipe)
    for shape in wanted:
        check_models(shape_recipe(recipe, shape))
    check_shapes(context, wanted)
    for point in first_points(recipe):
        for objective in recipe.search.objectives or [recipe.finetune.objective]:
            trial_recipe(recipe, {**point, OBJECTIVE: objective}, "a stage 1")
    return wanted


def _prepare(context: Context) -> CorpusManifest:
    """Make the corpus, the teachers and the labels; what the corpus lacks is told before teachers are paid for."""
    corpus = ensure_corpus(context)
    lacking = [split for split in ("train", HELD_OUT) if not corpus.has_labels(split)]
    if lacking:
        raise UserError(
            f"search: corpus {corpus.name} has no golden labels in its {' and '.join(lacking)} split, which trials are "
            f"trained on or compared by; map corpus.columns.label, and give corpus.split.{HELD_OUT} a share"
        )
    if not has_stage_1(context, corpus):
        raise UserError(f"search: trials start from a stage 1, but corpus {corpus.name} has no unlabeled text for it")
    check_steps(context, corpus, ("teachers", "stage 1", "stage 2", "search"))
    label(context, corpus, judged=context.recipe.evaluation.split)
    return corpus


def _timed(context: Context, starts: Mapping[str, str], split: Split) -> dict[str, ShapeSpeed]:
    recipe = context.recipe
    notes = {name: (read_note(context.workspace, folder) or {}).get("identity") for name, folder in starts.items()}
    where = machine(recipe.training.placement)
    path = f"{context.run_folder}/speed-{fingerprint([notes, recipe.search.speed_seconds, where])}.json"
    if context.workspace.exists(path):
        context.skip("speed of shapes", path)
        return {name: ShapeSpeed.from_json(found) for name, found in context.workspace.read_json(path).items()}
    with context.step("speed of shapes", path):
        timing = Timing(
            context.workspace, starts, split.timed, recipe.student.max_length, recipe.search.speed_seconds,
            recipe.training.placement,
        )  # fmt: skip
        speed = time_shapes(timing)
    context.workspace.publish_json(path, {name: each.as_json() for name, each in speed.items()})
    return speed


def _study(
    context: Context, corpus: CorpusManifest, starts: Mapping[str, str], speed: Mapping[str, ShapeSpeed]
) -> Study:
    recipe, asked = context.recipe, context.recipe.search
    maker = StageMaker(dataclasses.replace(context, log=[]), corpus, starts)
    points = first_points(recipe)
    stages = [maker(point) for point in points]
    check_rungs(stages[0].steps, asked.rungs)
    for stage in stages:
        check_learned(stage.spec, context.workspace, recipe.training.min_scored)
    cpus, gpus = worker_resources(recipe.training.model_copy(update={"workers": 1}))
    lab = Lab(
        maker, recipe.training.model_copy(update={"validations": asked.rungs, "workers": 1}), context.workspace,
        threads=max(1, int(cpus)), speed={name: each.figures() for name, each in speed.items()}, on_gpu=gpus > 0,
    )  # fmt: skip
    chosen = space(recipe)
    # How many at once is written down with the trials: another number is another study, which finds what is finished.
    course = asked.model_dump(include={"trials", "rungs", "reduction", "metric", "concurrent"}, exclude_none=True)
    identity = fingerprint([chosen, course, recipe.student_seed, [stage.identity() for stage in stages]])
    return Study(
        recipe.run_name, identity, lab, chosen, points, asked.trials, asked.metric, asked.reduction,
        recipe.student_seed, cpus, gpus, asked.concurrent or 0, recipe.training.placement,
    )  # fmt: skip


def _tried(context: Context, study: Study) -> list[Tried]:
    """Return what became of the trials; read back where the study is finished.

    One with trials that failed for a reason that may go (memory, a disk, a node) is not: the same command tries again.
    """
    path = f"{context.run_folder}/search-{study.identity}.json"
    if context.workspace.exists(path):
        context.skip(f"search · {study.trials} trials", path)
        return [Tried(**each) for each in context.workspace.read_json(path)]
    with context.step(f"search · {study.trials} trials", path):
        tried = run_study(study, context.workspace, context.tracker, context.run)
    if passing := [each for each in tried if each.state == "failed" and not is_final(each.reason)]:
        note(f"{len(passing)} trial(s) failed; the same command tries them again")
        return tried
    context.workspace.publish_json(path, [dataclasses.asdict(each) for each in tried])
    context.workspace.delete(f"runs/{study.name}/search-{study.identity}")  # the file above says all
    return tried


def _with_speed(tried: Tried, speed: Mapping[str, ShapeSpeed]) -> Tried:
    """Return a trial with its shape's speed as it was timed last, here."""
    figures = speed[tried.settings[SHAPE]].figures()
    return dataclasses.replace(tried, result={**tried.result, **figures} if tried.result else {})


def _candidate(tried: Tried) -> Candidate:
    result = tried.result
    return Candidate(
        tried.trial, tried.settings, result["folder"], result[ACCURACY], result["milliseconds"],
        result["pairs_per_second"],
    )  # fmt: skip


def _ensemble_accuracy(split: Split) -> float:
    """Return the ensemble's accuracy on the rows that trials are judged on: the first that have a golden label."""
    judged = np.flatnonzero(split.labels >= 0)[:MAX_ROWS]
    said = mean_probabilities(list(split.teachers.values()), split.weights)
    return float(correct(split.labels[judged], said[judged]).mean())


def _prove(
    context: Context, corpus: CorpusManifest, kept: Sequence[Candidate], split: Split
) -> Comparison | None:  # fmt: skip
    if not split.judged:
        return None
    scores = score_all(context, corpus, [each.folder for each in kept], split.timed, "search")
    everyone: dict[str, Floats] = {each.trial: scores[each.folder] for each in kept}
    everyone |= {ENSEMBLE: mean_probabilities(list(split.teachers.values()), split.weights)}
    judged = split.labels >= 0
    right = {
        name: Judged(correct(split.labels[judged], probabilities[judged]).astype(np.float64)[None])
        for name, probabilities in everyone.items()
    }
    return Comparison(right, split.question_ids[judged], context.recipe.compare.resamples)


def _keep(context: Context, chosen: Candidate) -> None:
    """Put the chosen student where it is found: ``students/<run>/chosen``."""
    folder = f"{context.run_folder}/chosen"
    written = read_note(context.workspace, chosen.folder) or {}
    if (read_note(context.workspace, folder) or {}).get("identity") == written.get("identity"):
        refuse_changed(context.workspace, folder)
        return
    with tempfile.TemporaryDirectory(prefix="tmkd-chosen-") as name:
        source = fetch(context.workspace, chosen.folder)
        for file in source.iterdir():
            if file.is_file() and not file.name.startswith(SCORES) and file.name not in (NOTE, HASHES):
                Path(name, file.name).write_bytes(file.read_bytes())
        text = json.dumps({**written, "search": chosen.settings}, indent=1, sort_keys=True).encode()
        publish_folder(context.workspace, Path(name), folder, {NOTE: text})
    note(f"chosen student: {context.workspace.show(folder)}")
