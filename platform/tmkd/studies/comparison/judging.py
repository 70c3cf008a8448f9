"""From what every cell answered to what a comparison found: lines, pairs, claims, examples, cost."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.calibration_error import expected_calibration_error
from tmkd.evaluation.claims import findings
from tmkd.evaluation.compared import Compared, Cost, Kind, Line, Pair, Regression
from tmkd.evaluation.comparison import RESAMPLES_A_PAIR, Comparison, Judged
from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.pairs import HeaderProbabilities
from tmkd.evaluation.quality import correct, quality
from tmkd.evaluation.scoring import Measured
from tmkd.evaluation.significance import holm
from tmkd.evaluation.speed import with_ensemble
from tmkd.objectives.compose import learns_headers
from tmkd.recipe.recipe import Recipe
from tmkd.soft_labels.golden import NO_LABEL
from tmkd.steps.class_order import caution_model
from tmkd.steps.context import Context
from tmkd.steps.labels import HELD_OUT
from tmkd.steps.pair_split import Split
from tmkd.steps.teachers import learned_splits
from tmkd.students.registry import DEFAULT
from tmkd.studies.comparison.cells import Cell, cell_recipes, seeded, teachers_of_seed, usual_cell
from tmkd.yaml_nodes import dump

Floats = npt.NDArray[np.floating]
ENSEMBLE = "ensemble"
REGRESSIONS = 10
"""Questions shown that the ensemble has right and the student has wrong."""


@dataclass
class Answers:
    """What every cell said.

    Attributes:
        cells: name -> cell.
        probabilities: name -> float [n, C] of every seed.
        speed: name of a cell, a teacher or the ensemble -> pairs/s, where timed.
        sizes: name -> parameters.
        students: name of a cell -> the folders of its students, a list a seed.
    """

    cells: dict[str, Cell]
    probabilities: dict[str, list[Floats]]
    speed: dict[str, float]
    sizes: dict[str, int]
    students: dict[str, list[list[str]]]

    def add_teachers_speed(self, measured: Measured[HeaderProbabilities], weights: Mapping[str, float]) -> None:
        """Take over what was timed of the teachers, and what their ensemble takes, which asks those with a weight."""
        timed = {name: measured.pairs_per_second[name] for name in weights if name in measured.pairs_per_second}
        speed, sizes = with_ensemble(timed, measured.parameters, [name for name in weights if weights[name]])
        for name in [*timed, *([ENSEMBLE] if ENSEMBLE in speed else [])]:
            self.speed[_shown(name)], self.sizes[_shown(name)] = speed[name], sizes[name]

    def add_speed(self, cell: str, measured: Measured[HeaderProbabilities], shape: str, students: int) -> None:
        """Take over what was timed of a student of the cell's shape; several answer one after the other."""
        if shape in measured.pairs_per_second:
            self.speed[cell] = measured.pairs_per_second[shape] / students


def judge(
    context: Context,
    corpus: CorpusManifest,
    splits: Mapping[int, Split],
    answers: Answers,
    cells: Sequence[Cell],
    failed: Mapping[str, str],
) -> Compared:
    """Judge every cell, the teachers and their ensemble on the questions of the judged split.

    Args:
        context: the run.
        corpus: what the cells were trained on.
        splits: seed -> the judged split with the labels of that seed's teachers.
        answers: of the cells that were trained.
        cells: all of them, whose labels were paid for.
        failed: cell and seed -> why it is not among the answers.
    """
    recipe, usual = context.recipe, usual_cell(context.recipe)
    first = _scored_with_every_seed(splits)
    everyone = {**_teachers(context, splits), **answers.probabilities}
    for name in [ENSEMBLE, *answers.probabilities]:
        caution_model(context, name, corpus.classes, first.labels, everyone[name][0])
    scores, questions = _scores(first, everyone, recipe.compare.measure)
    pairs = math.comb(len(answers.cells) + 1, 2)
    comparison = Comparison(scores, questions, max(recipe.compare.resamples, RESAMPLES_A_PAIR * pairs))
    lines = [
        Line(
            name=name, kind=_kind(name, answers),
            settings=dataclasses.asdict(answers.cells[name]) if name in answers.cells else {},
            by_seed=scores[name].by_seed, over_questions=comparison.interval(name),
            over_seeds=scores[name].over_seeds, figures=_figures(first, everyone[name]),
            pairs_per_second=answers.speed.get(name), parameters=answers.sizes.get(name),
            students=answers.students.get(name, []),
        )
        for name in everyone
    ]  # fmt: skip
    student = _chosen(lines, usual.name(usual))
    ensemble = everyone[ENSEMBLE][0]
    return Compared(
        title=recipe.run_name, corpus=corpus.name, measure=recipe.compare.measure, caveats=context.caveats,
        rows=int((first.labels >= 0).sum()),
        questions=len(np.unique(questions)), seeds=list(splits), lines=lines,
        pairs=_pairs(comparison, [ENSEMBLE, *answers.cells]),
        findings=findings(comparison, of_claims(answers.cells, usual)),
        agreement=_agreement(first),
        regressions=_regressions(first, everyone[student][0], ensemble, corpus.classes), regressions_of=student,
        cost=_cost(context, corpus, cells, list(splits)), command=context.command,
        recipe=dump(recipe.model_dump(mode="json")), failed=dict(failed),
    )  # fmt: skip


def _scored_with_every_seed(splits: Mapping[int, Split]) -> Split:
    """Return the first seed's split without labels of rows that some seed's teacher could not score."""
    first = next(iter(splits.values()))
    scored = np.logical_and.reduce([split.scored for split in splits.values()])
    return dataclasses.replace(first, labels=np.where(scored, first.labels, NO_LABEL), scored=scored)


def _shown(teacher: str) -> str:
    return teacher if teacher == ENSEMBLE else f"teacher {teacher}"


def _kind(name: str, answers: Answers) -> Kind:
    if name in answers.cells:
        return "student"
    return "ensemble" if name == ENSEMBLE else "teacher"


def _teachers(context: Context, splits: Mapping[int, Split]) -> dict[str, list[Floats]]:
    """Return every teacher's and the ensemble's probabilities, of every seed where they are trained anew."""
    recipe = context.recipe
    found: dict[str, list[Floats]] = {}
    for name in recipe.teachers:
        each = {seeded(name, recipe, seed): splits[seed] for seed in splits}
        found[_shown(name)] = [split.teachers[called] for called, split in each.items()]
    ensembles: list[Floats] = [mean_probabilities(list(s.teachers.values()), s.weights) for s in splits.values()]
    found[ENSEMBLE] = ensembles if any(len(seeds) > 1 for seeds in found.values()) else ensembles[:1]
    return found


def _scores(
    split: Split, everyone: Mapping[str, Sequence[Floats]], measure: str
) -> tuple[dict[str, Judged], npt.NDArray[np.object_]]:
    """Return what is compared, a row or a question at a time, and the question of each."""
    if measure == "map":
        found = {
            name: np.stack([_average_precision(split, each) for each in seeds]) for name, seeds in everyone.items()
        }
        count = next(iter(found.values())).shape[1]
        return {name: Judged(scores) for name, scores in found.items()}, np.arange(count).astype(str).astype(object)
    judged = split.labels >= 0
    right = {
        name: np.stack([correct(split.labels[judged], each[judged]).astype(np.float64) for each in seeds])
        for name, seeds in everyone.items()
    }
    return {name: Judged(scores) for name, scores in right.items()}, split.question_ids[judged]


def _average_precision(split: Split, probabilities: Floats) -> npt.NDArray[np.float64]:
    found = quality(split.labels, probabilities, split.question_ids, None, split.ids).average_precision
    if found is None:
        raise UserError(
            "compare.measure: map needs questions with several candidates, two classes and a positive one; right "
            "would be accuracy"
        )
    return found


def _figures(split: Split, seeds: Sequence[Floats]) -> dict[str, float | None]:
    judged = split.labels >= 0
    found = [quality(split.labels, each, split.question_ids, None, split.ids) for each in seeds]
    error = [expected_calibration_error(split.labels[judged], each[judged]) for each in seeds]
    means = {key: _mean([getattr(each, key) for each in found]) for key in ("accuracy", "auc", "map")}
    return {**means, "ece": _mean(error)}


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def _pairs(comparison: Comparison, names: Sequence[str]) -> list[Pair]:
    found = comparison.pairs(names)
    corrected = holm([difference.p for difference in found.values()])
    return [Pair(*names, difference, p) for (names, difference), p in zip(found.items(), corrected, strict=True)]


def of_claims(cells: Mapping[str, Cell], usual: Cell) -> dict[str, str]:
    """Return how the paper's claims call cells -> how this comparison, in which something else may be usual, does."""
    there = dataclasses.replace(usual, student=DEFAULT)  # what is usual in the paper
    found = {cell.name(there): name for name, cell in cells.items()}
    for name, cell in cells.items():
        if cell == dataclasses.replace(there, layers=cell.layers, regime="tmkd"):
            found[f"tmkd · {cell.layers} layer{'s' if cell.layers != 1 else ''}"] = name
        if cell.alpha is not None and cell == dataclasses.replace(there, alpha=cell.alpha, regime="tmkd"):
            found[f"tmkd · α {cell.alpha:g}"] = name
    return found


def _agreement(split: Split) -> dict[str, dict[str, float]]:
    decisions = {name: probabilities[split.scored].argmax(axis=1) for name, probabilities in split.teachers.items()}
    return {
        one: {other: float((decisions[one] == decisions[other]).mean()) for other in decisions} for one in decisions
    }


def _chosen(lines: Sequence[Line], usual: str) -> str:
    """Return the student whose mistakes are shown: the recipe's own, else the best."""
    students = [line for line in lines if line.kind == "student"]
    return (
        next((s.name for s in students if s.name == usual), None)
        or max(students, key=lambda line: line.over_questions.estimate).name
    )


def _regressions(split: Split, student: Floats, ensemble: Floats, classes: Sequence[str]) -> list[Regression]:
    judged = np.flatnonzero(split.labels >= 0)
    labels = split.labels[judged]
    at = np.arange(len(judged))
    of_student, of_ensemble = student[judged][at, labels], ensemble[judged][at, labels]
    lost = correct(labels, ensemble[judged]).astype(bool) & ~correct(labels, student[judged]).astype(bool)
    worst = sorted(np.flatnonzero(lost), key=lambda row: of_student[row] - of_ensemble[row])[:REGRESSIONS]
    found = []
    for row in worst:
        question, passage = split.texts[judged[row]]
        label = classes[labels[row]]
        found.append(Regression(question, passage, label, float(of_student[row]), float(of_ensemble[row])))
    return found


def _cost(context: Context, corpus: CorpusManifest, cells: Sequence[Cell], seeds: Sequence[int]) -> Cost:
    """Count the pairs that teachers scored, and what it would be if every cell and seed had paid for its own.

    Judging, calibrating and choosing need every teacher on the judged and on the held-out split, once a seed; beyond
    that a cell alone needs only what it learns from: golden nothing, one teacher where there is one soft header.
    """
    recipe = context.recipe
    beside = {recipe.evaluation.split, *([HELD_OUT] if corpus.has_labels(HELD_OUT) else [])}
    paid: set[tuple[str, str]] = set()
    for seed in seeds:
        paid |= {(teacher, split) for teacher in teachers_of_seed(recipe, seed).teachers for split in beside}
    alone = sum(corpus.rows(split) for _, split in paid)
    for cell, seed in itertools.product(cells, seeds):
        teachers = teachers_of_seed(recipe, seed).teachers
        for each in cell_recipes(recipe, cell, seed):
            splits = [split for split in learned_splits(each) if split not in beside]
            paid |= {(teacher, split) for teacher in teachers for split in splits}
            alone += _learns_from(each) * sum(corpus.rows(split) for split in splits)
    return Cost(sum(corpus.rows(split) for _, split in paid), alone)


def _learns_from(recipe: Recipe) -> int:
    """Return how many teachers' soft labels a student learns from."""
    if not learns_headers(recipe.objectives["finetune"]) and not recipe.pretrain.enabled:
        return 0
    if recipe.student.soft_headers in ("each", "mean"):
        return sum(bool(entry.weight) for entry in recipe.teachers.values())
    return 1
