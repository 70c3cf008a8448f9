"""The comparison: every cell trained with every seed, judged on the same questions, told in one report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tmkd.console import warn
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.compared import Compared
from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.scoring import Measured
from tmkd.pipeline.cells import Cell, cell_recipes, cells, teachers_of_seed, usual_cell
from tmkd.pipeline.compare_judging import Answers, judge
from tmkd.pipeline.compare_training import Planned, plan, score_all, time_all, train_all
from tmkd.pipeline.context import Context
from tmkd.pipeline.pair_split import Split, read_split
from tmkd.pipeline.preflight import check_models
from tmkd.pipeline.ready import ready
from tmkd.pipeline.regimes import has_two_stages
from tmkd.pipeline.student_step import check_start


def compare(context: Context) -> Compared:
    """Train what the recipe's grids ask for as far as it is not there, and judge it.

    Raises:
        UserError: for spans, for a corpus without golden labels, or if no cell could be trained.
    """
    recipe = context.recipe
    if recipe.corpus.task != "pair":
        raise UserError("compare.grids are for pairs so far, but corpus.task is span; run jobs/evaluate.py a variant")
    wanted = cells(recipe)
    _check(context, wanted)
    seeds = [recipe.student_seed + index for index in range(recipe.compare.seeds)]
    corpus = _prepare(context, wanted, seeds)
    planned = plan(context, corpus, wanted, seeds)
    failed = train_all(context, planned)
    done = _whole(planned, failed)
    splits = {seed: _split(context, corpus, seed) for seed in seeds}
    answers = _answer(context, corpus, done, splits[seeds[0]])
    return judge(context, corpus, splits, answers, _why(context, planned, failed))


def _check(context: Context, wanted: Sequence[Cell]) -> None:
    """Find mistakes of single cells before anything is spent: values that do not go together, depths no base has."""
    recipes = [cell_recipes(context.recipe, cell, context.recipe.student_seed)[0] for cell in wanted]
    for recipe in {(r.student.kind, r.student.layers, r.finetune.starts_from): r for r in recipes}.values():
        check_models(recipe)
        check_start(dataclasses.replace(context, recipe=recipe))


def _prepare(context: Context, wanted: Sequence[Cell], seeds: Sequence[int]) -> CorpusManifest:
    """Make the corpus, and for every seed the teachers and the labels of what its students learn from."""
    recipe = context.recipe
    two_stages = any(has_two_stages(cell.regime) for cell in wanted) and not recipe.finetune.starts_from
    recipes = {tuple(teachers_of_seed(recipe, seed).teachers): seed for seed in reversed(seeds)}  # of other teachers
    corpora = [
        ready(_of_seed(context, seed, pretrained=two_stages), judged=recipe.evaluation.split)
        for seed in reversed(recipes.values())
    ]
    corpus = corpora[0]
    if not corpus.has_labels("train") or not corpus.has_labels(recipe.evaluation.split):
        raise UserError(
            f"corpus {corpus.name} has no golden labels to train on and to judge by, which a comparison needs; map "
            "corpus.columns.label"
        )
    if two_stages and not corpus.rows("unlabeled"):
        raise UserError(
            f"corpus {corpus.name} has no unlabeled text for the stage 1 that compare.grids ask for; ask for golden, "
            "1-o-1, 1avg-o-1, mkd and m-o-m alone, or give finetune.starts_from"
        )
    return corpus


def _of_seed(context: Context, seed: int, pretrained: bool) -> Context:
    recipe = teachers_of_seed(context.recipe, seed)
    pretrain = recipe.pretrain.model_copy(update={"enabled": pretrained})
    return dataclasses.replace(context, recipe=recipe.model_copy(update={"pretrain": pretrain}))


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


def _answer(context: Context, corpus: CorpusManifest, done: Sequence[Planned], split: Split) -> Answers:
    """Score every student, and time one of every kind and depth."""
    usual = usual_cell(context.recipe)
    scores = score_all(context, corpus, [folder for each in done for folder in each.students], split.timed)
    found = Answers({each.cell.name(usual): each.cell for each in done}, {}, {}, {}, {})
    for each in done:
        name = each.cell.name(usual)
        found.students.setdefault(name, []).append(each.students)
        found.probabilities.setdefault(name, []).append(
            mean_probabilities([scores[folder] for folder in each.students])
        )
    shapes = {_shape(each.cell): each.students[0] for each in reversed(done)}
    timed = bool(context.recipe.evaluation.speed_seconds)
    measured = time_all(context, corpus, shapes, split.timed) if timed else Measured({}, {}, {})
    found.add_teachers_speed(measured, list(context.recipe.teachers))
    for each in done:
        found.add_speed(each.cell.name(usual), measured, _shape(each.cell), len(each.students))
    return found


def _shape(cell: Cell) -> str:
    return f"{cell.student} {cell.layers}"
