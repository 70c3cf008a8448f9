"""Steps 2 and 3: teachers that are trained, and what all of them say about the corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from tmkd.console import heading
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.labelling.pipeline import label_corpus
from tmkd.models.folders import everywhere
from tmkd.models.shape import StudentShape
from tmkd.models.student_config import Pooling
from tmkd.recipe.recipe import Recipe
from tmkd.recipe.stage_objectives import of_teacher, of_warm_up
from tmkd.recipe.teacher import TeacherEntry, TeacherTraining, WarmUp
from tmkd.soft_labels.golden import read_answers
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.class_check import check_classes
from tmkd.steps.context import Context
from tmkd.steps.label_plan import compare_with_plan
from tmkd.steps.labels import HELD_OUT, LEARNED, base_identity, golden_identity, reading, signal
from tmkd.tasks.registry import task_of
from tmkd.teachers.config import TeacherConfig
from tmkd.training.plan import finished
from tmkd.training.run import train
from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Start

JUDGED = ("train", "validation", "test")
"""Splits that a teacher labels to be measured; single logits are calibrated on the first."""


def learned_splits(recipe: Recipe) -> tuple[str, ...]:
    """Return the splits whose soft labels the student of a recipe learns from; stage 2 alone reads no unlabeled one."""
    return LEARNED if recipe.pretrain.enabled else LEARNED[1:]


def held_out(corpus: CorpusManifest) -> list[str]:
    """Return the split that temperatures are fitted on and the best teacher is chosen by; none if nobody judged it."""
    return [HELD_OUT] if task_of(corpus.task).has_classes and corpus.has_labels(HELD_OUT) else []


def ensure_teachers(context: Context, corpus: CorpusManifest) -> None:
    """Train every teacher that the recipe wants trained and that is not yet.

    Those that learn from golden labels alone come first, in one set of workers; those that others warm up, in another.
    """
    trainings = {name: entry.train for name, entry in context.recipe.teachers.items() if entry.train is not None}
    check_classes(context, corpus)
    if task_of(corpus.task).has_answers:
        check_answers(context, corpus, "train")
    _train(context, corpus, {name: training for name, training in trainings.items() if training.warm_up is None})
    warmed = {name: training for name, training in trainings.items() if training.warm_up is not None}
    _label(context, corpus, _warming(warmed), (*LEARNED, *held_out(corpus)))
    _train(context, corpus, warmed)


def ensure_labels(context: Context, corpus: CorpusManifest, splits: Sequence[str]) -> None:
    """Let every teacher score the splits; finished shards are not done again."""
    _label(context, corpus, context.recipe.in_order(), splits)


def check_answers(context: Context, corpus: CorpusManifest, split: str, where: str = "") -> None:
    """Questions without an answer must not be left out, nor count as wrong, unseen; ``where`` names the split."""
    if context.recipe.reading.unanswerable:
        return
    shards = [read_answers(context.workspace, corpus.name, split, shard) for shard in corpus.shards(split)]
    without = sum(answers == [] for shard in shards if shard for answers in shard.answers)
    if without:
        raise UserError(
            f"reading.unanswerable: false, but {without:,} questions of "
            f"{where or f'the {split} split of {corpus.name}'} have no answer; set it to true"
        )


def _label(context: Context, corpus: CorpusManifest, names: Sequence[str], splits: Sequence[str]) -> None:
    wanted = [split for split in dict.fromkeys(splits) if corpus.rows(split)]
    for group in views_of_one_model(context.recipe.teachers, names):
        _label_group(context, corpus, group, wanted)


def views_of_one_model(teachers: Mapping[str, TeacherEntry], names: Sequence[str]) -> list[list[str]]:
    """Group teachers that differ in ``question_pattern`` and weight alone.

    Their model is loaded once and reads a passage once.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        entry = teachers[name]
        alike = entry.model_dump_json(exclude={"question_pattern", "weight"}) if entry.train is None else name
        groups.setdefault(alike, []).append(name)
    return list(groups.values())


def _label_group(context: Context, corpus: CorpusManifest, names: list[str], splits: list[str]) -> None:
    configs = {name: context.recipe.teachers[name].config() for name in names}
    label_with(context, corpus, configs, teacher_model(context, names[0]), splits, " and ".join(names))


def label_with(
    context: Context,
    corpus: CorpusManifest,
    configs: Mapping[str, TeacherConfig],
    model: str,
    splits: Sequence[str],
    title: str,
) -> None:
    """Let one model, through which all of ``configs`` look, label the splits, and say so."""
    step, where = f"soft labels · {title}", f"soft_labels/{corpus.name}"
    heading(step)
    reports = label_corpus(
        context.workspace,
        corpus,
        splits,
        configs,
        model,
        context.relabel,
        requeue="requeue" in context.asked,
        max_rejected=context.recipe.labelling.max_rejected,
    )
    compare_with_plan(context, corpus, reports)
    made = [report for report in reports.values() if report.shards_done]
    if not made:
        context.record(step, "up to date", 0.0, where)
        return
    context.record(step, "made", made[0].seconds, where)
    context.run.metrics({f"label_pairs_per_second/{report.teacher}": report.pairs_per_second for report in made})


def teacher_model(context: Context, name: str) -> str:
    """Return what every node finds a teacher's model by: its trained folder in the workspace, or the model as it is."""
    entry = context.recipe.teachers[name]
    return everywhere(entry.model) if entry.train is None else context.workspace.show(trained_folder(context, name))


def trained_folder(context: Context, name: str) -> str:
    """Return where a teacher that is trained here lies: every corpus trains its own."""
    return f"teachers/{context.recipe.corpus.name}/{name}"


def is_trained(context: Context, corpus: CorpusManifest, name: str) -> bool:
    """Tell whether a teacher can be used now: as it is, or as it was trained with the recipe's settings."""
    training = context.recipe.teachers[name].train
    if training is None:
        return True
    try:
        stages = _stages(context, corpus, name, training)
    except UserError:  # what it would be warmed up with has not been labelled
        return False
    return finished(context.workspace, stages[-1]) is not None


def _warming(trainings: Mapping[str, TeacherTraining]) -> list[str]:
    """Return the teachers that others are warmed up with."""
    named = [name for training in trainings.values() if training.warm_up for name in training.warm_up.teachers]
    return list(dict.fromkeys(named))


def _train(context: Context, corpus: CorpusManifest, trainings: Mapping[str, TeacherTraining]) -> None:
    """Train teachers that need nothing of each other one after the other in one set of workers."""
    stages = {name: _stages(context, corpus, name, training) for name, training in trainings.items()}
    missing = [name for name in stages if finished(context.workspace, stages[name][-1]) is None]
    for name in [name for name in stages if name not in missing]:
        context.skip(f"teacher · {name}", trained_folder(context, name))
    for name in missing:
        _refuse_to_orphan_labels(context, corpus, name)
    if not missing:
        return
    names = " and ".join(missing)
    folder = trained_folder(context, missing[0] if len(missing) == 1 else "")
    with context.step(f"teacher · {names}", folder.rstrip("/")), ExitStack() as runs:
        for name in missing:
            child = runs.enter_context(context.child(f"teacher · {name}", stages[name][-1].identity()))
            stages[name] = [dataclasses.replace(stage, tracked=child) for stage in stages[name]]
        # All of them, also the finished: what a call that was killed left half done is known by the whole list.
        todo = [stage for one in stages.values() for stage in one]
        train(todo, context.recipe.training, context.workspace, context.recipe.run_name, f"training {names}")


def _stages(context: Context, corpus: CorpusManifest, name: str, training: TeacherTraining) -> list[Stage]:
    golden = Stage(_golden_spec(context, corpus, name, training), trained_folder(context, name))
    if training.warm_up is None:
        return [golden]
    warm_spec = _warm_up_spec(context, corpus, golden.spec, name, training.warm_up)
    if not corpus.has_labels("train"):  # nothing to fine-tune on: what the other teachers taught is all
        return [Stage(warm_spec, golden.output)]
    # The output is of no run: every run of a workspace shares the teachers.
    warm = Stage(warm_spec, f"runs/warm_up/{corpus.name}/{name}")
    start = Start(folder=warm.output, parent=warm.identity())
    return [warm, dataclasses.replace(golden, spec=dataclasses.replace(golden.spec, start=start))]


def _golden_spec(context: Context, corpus: CorpusManifest, name: str, training: TeacherTraining) -> StageSpec:
    """Return the training of a teacher on the golden labels of the train split."""
    recipe = context.recipe
    entry = recipe.teachers[name]
    data = Data(
        corpus.name, "train", corpus.fingerprints, corpus.shard_rows("train"), tuple(corpus.classes),
        golden_identity(context, corpus, "train"),
        corpus.shard_rows("validation") if corpus.has_labels("validation") else {},
    )  # fmt: skip
    made_of = base_identity(context.workspace, entry.model, f"teachers.{name}.model")
    return StageSpec(
        name=f"teacher-{name}", task=recipe.corpus.task, data=data, start=Start(everywhere(entry.model), made_of),
        shape=_shape(context, entry, training), max_length=entry.max_length, signals={},
        objectives=of_teacher(recipe.corpus.task, training), schedule=training.golden,
        seed=recipe.seed if training.seed is None else training.seed,
        reading=reading(context, entry.max_question_tokens, entry.overlap),
    )  # fmt: skip


def _shape(context: Context, entry: TeacherEntry, training: TeacherTraining) -> StudentShape | None:
    """Return what a teacher is built as; None for the Hugging Face classifier that its folder holds."""
    if training.pooling == "head" and context.recipe.task.has_classes:
        return None
    pooling: Pooling = "cls" if training.pooling == "head" else training.pooling
    return StudentShape(training.layers, pooling, training.freeze_embeddings, training.dropout, entry.max_length)


def _warm_up_spec(context: Context, corpus: CorpusManifest, golden: StageSpec, name: str, warm_up: WarmUp) -> StageSpec:
    """Return a teacher's regression on the mean of other teachers' soft labels of the unlabeled split."""
    shards = corpus.shard_rows("unlabeled")
    return dataclasses.replace(
        golden, name=f"warm_up-{name}",
        data=Data(corpus.name, "unlabeled", corpus.fingerprints, shards, tuple(corpus.classes)),
        signals={"golden": signal(context, corpus, warm_up.teachers)}, objectives=of_warm_up(golden.task, warm_up),
        schedule=warm_up,
    )  # fmt: skip


def _refuse_to_orphan_labels(context: Context, corpus: CorpusManifest, name: str) -> None:
    """Training a teacher again would make its labels foreign: say so before anything is spent."""
    bound = [s for s in corpus.splits if LabelStore(context.workspace, corpus.name, s, name).identity]
    if bound and not context.relabel:
        raise UserError(
            f"teacher {name} is to be trained again (its settings, golden labels or warm-up changed), but soft labels "
            f"of the one before are in place ({', '.join(bound)}); use another teacher name or --workspace, or pass "
            "--relabel to train and label again"
        )
