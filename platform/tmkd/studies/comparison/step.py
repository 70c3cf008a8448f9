"""The comparison: every cell trained with every seed, judged on the same questions, told in one report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tmkd.console import note, warn
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.compared import Compared
from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.scoring import Measured
from tmkd.models.folders import parameters
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus
from tmkd.steps.pair_split import Split, read_split
from tmkd.steps.ready import label
from tmkd.studies.comparison.cells import Cell, cells, teachers_of_seed, usual_cell
from tmkd.studies.comparison.check import check_cells, check_corpus, needs_stage_1
from tmkd.studies.comparison.judging import Answers, judge
from tmkd.studies.comparison.training import Planned, Probabilities, plan, score_all, time_all, train_all


def compare(context: Context) -> Compared:
    """Train what the recipe's grids ask for as far as it is not there, and judge it.

    Raises:
        UserError: for spans, for a corpus without golden labels, or if no cell could be trained.
    """
    recipe = context.recipe
    if not recipe.task.has_studies:
        raise UserError(
            f"compare.grids are for pairs so far, but corpus.task is {recipe.task.name}; run jobs/evaluate.py a variant"
        )
    wanted = cells(recipe)
    check_cells(context, wanted)
    seeds = [recipe.student_seed + index for index in range(recipe.compare.seeds)]
    corpus = _prepare(context, wanted, seeds)
    planned = _once(context, plan(context, corpus, wanted, seeds))
    failed = train_all(context, planned)
    splits = {seed: _split(context, corpus, seed) for seed in seeds}
    first = splits[seeds[0]]
    students = [folder for each in _whole(planned, failed) for folder in each.students]
    scores = score_all(context, corpus, students, first.timed)
    failed |= {
        folder: f"{context.workspace.show(folder)} scores NaN; delete it and run again, at a lower learning rate"
        for folder, each in scores.items()
        if not np.isfinite(each).all()
    }
    answers = _answer(context, corpus, _whole(planned, failed), scores, first)
    paid_for = list(dict.fromkeys(each.cell for each in planned))
    return judge(context, corpus, splits, answers, paid_for, _why(context, planned, failed))


def _prepare(context: Context, wanted: Sequence[Cell], seeds: Sequence[int]) -> CorpusManifest:
    """Make the corpus, and for every seed the teachers and the labels of what its students learn from."""
    recipe = context.recipe
    corpus = ensure_corpus(context)
    check_corpus(context, corpus, wanted)
    pretrained = needs_stage_1(context, wanted)
    recipes = {tuple(teachers_of_seed(recipe, seed).teachers): seed for seed in reversed(seeds)}  # of other teachers
    for seed in reversed(recipes.values()):
        label(_of_seed(context, seed, pretrained), corpus, judged=recipe.evaluation.split)
    return corpus


def _of_seed(context: Context, seed: int, pretrained: bool) -> Context:
    recipe = teachers_of_seed(context.recipe, seed)
    pretrain = recipe.pretrain.model_copy(update={"enabled": pretrained})
    return dataclasses.replace(context, recipe=recipe.model_copy(update={"pretrain": pretrain}))


def _once(context: Context, planned: Sequence[Planned]) -> list[Planned]:
    """Leave out cells whose students are those of another one, whatever they are called; say so.

    Of equal ones the recipe's own is kept, else the first: the paper's claims and the examples look for it.
    """
    usual = usual_cell(context.recipe)
    students: dict[Cell, list[list[str]]] = {}
    for each in planned:
        students.setdefault(each.cell, []).append(each.students)
    kept: dict[str, Cell] = {}
    for cell in sorted(students, key=lambda cell: cell.name(usual) != usual.name(usual)):
        same = kept.setdefault(repr(students[cell]), cell)
        if same is not cell:
            note(f"{cell.name(usual)}: the same students as {same.name(usual)}, told there")
    return [each for each in planned if each.cell in kept.values()]


def _whole(planned: Sequence[Planned], failed: Mapping[str, str]) -> list[Planned]:
    """Return what is planned of cells all of whose students are there."""
    broken = {each.cell for each in planned if any(folder in failed for folder in each.students)}
    done = [each for each in planned if each.cell not in broken]
    if not done:
        raise UserError("no cell of the comparison could be trained: " + "; ".join(dict.fromkeys(failed.values())))
    return done


def _why(context: Context, planned: Sequence[Planned], failed: Mapping[str, str]) -> dict[str, str]:
    """Return cell and seed -> why it could not be trained."""
    usual = usual_cell(context.recipe)
    reasons = {
        f"{each.cell.name(usual)}, seed {each.seed}": failed[folder]
        for each in planned
        for folder in each.students
        if folder in failed
    }
    for name, reason in reasons.items():
        warn(f"{name}: {reason}")
    return reasons


def _split(context: Context, corpus: CorpusManifest, seed: int) -> Split:
    recipe = teachers_of_seed(context.recipe, seed)
    return read_split(dataclasses.replace(context, recipe=recipe), corpus, recipe.evaluation.split)


def _answer(
    context: Context, corpus: CorpusManifest, done: Sequence[Planned], scores: Mapping[str, Probabilities], split: Split
) -> Answers:
    """Gather what every student scored, and time one of every kind and depth."""
    usual = usual_cell(context.recipe)
    found = Answers({each.cell.name(usual): each.cell for each in done}, {}, {}, {}, {})
    for each in done:
        name = each.cell.name(usual)
        found.students.setdefault(name, []).append(each.students)
        found.probabilities.setdefault(name, []).append(
            mean_probabilities([scores[folder] for folder in each.students])
        )
    shapes = {_shape(each.cell): each.students[0] for each in reversed(done)}
    timed = bool(context.recipe.evaluation.speed_seconds)
    measured = time_all(context, corpus, shapes, split.timed, done[0].seed) if timed else Measured()
    found.add_teachers_speed(measured, {name: entry.weight for name, entry in context.recipe.teachers.items()})
    sizes: dict[str, int] = {}  # kind, depth and headers -> parameters
    for each in done:
        name, shape = each.cell.name(usual), _shape(each.cell)
        found.add_speed(name, measured, shape, len(each.students))
        key = f"{shape} {each.chains[0][-1].spec.headers}"
        if key not in sizes:
            sizes[key] = parameters(context.workspace, each.students[0])
        found.sizes[name] = sizes[key] * len(each.students)
    return found


def _shape(cell: Cell) -> str:
    return f"{cell.student} {cell.layers}"
