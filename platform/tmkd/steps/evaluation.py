"""Step 6: every teacher, their ensemble, the baseline and the student on one split, in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.scoring import Measured, measure
from tmkd.evaluation.table import ModelRow
from tmkd.steps.context import Context
from tmkd.steps.judging import Judged, TaskJudging
from tmkd.steps.measurement import measurement, stored_rows
from tmkd.steps.ready import ready
from tmkd.steps.student.step import ensure_students
from tmkd.steps.teachers import ensure_labels, teacher_model
from tmkd.tasks.base import load_part
from tmkd.tasks.registry import task_of


def judging_of(task: str) -> TaskJudging[Any, Any, Any]:
    """Return how models of a task are judged."""
    return cast(TaskJudging[Any, Any, Any], load_part(task_of(task).judging))


"""Task -> how its models are judged."""
STEPS = ("students", "baseline", "evaluation")
"""Steps of the job after the labels."""
OTHER_SPLIT = "test"
"""The split that a further test file becomes."""


def evaluate(context: Context) -> dict[str, Any]:
    """Make all that is judged, and judge it on the recipe's evaluation split; returns what ``--json`` prints."""
    judging, name = judging_of(context.recipe.corpus.task), context.recipe.evaluation.split
    others: Mapping[str, CorpusManifest] = {}
    if judging.others is not None:  # before anything is trained
        others = judging.others(context)
        context = dataclasses.replace(context, remake=False)  # the corpus has just been made again
    corpus = ready(context, judged=name, steps=STEPS)
    students, tried = ensure_students(context, corpus)
    for other in others.values():
        ensure_labels(context, other, (OTHER_SPLIT,))
    with context.step("evaluation", context.report_folder):
        result = _judge(context, judging, Judged(corpus, name, tried=tried), students)
        if judging.others is not None:
            also = {key: Judged(other, OTHER_SPLIT, key) for key, other in others.items()}
            result["also"] = {key: _judge(context, judging, judged, students) for key, judged in also.items()}
    return result


def teacher_quality(context: Context, corpus: CorpusManifest, name: str) -> list[ModelRow]:
    """Return the rows of every teacher and of their ensemble on a split that is labelled.

    None where the task needs golden labels and the split has none.
    """
    judging = judging_of(corpus.task)
    if judging.needs_golden and not corpus.has_labels(name):
        return []
    split = judging.read(context, Judged(corpus, name))
    return [line.row for line in judging.lines(context, split, Measured())]


def _judge(
    context: Context, judging: TaskJudging[Any, Any, Any], judged: Judged, students: Mapping[str, str]
) -> dict[str, Any]:
    """Score the students on one split, time all models on the recipe's own, and report."""
    split = judging.read(context, judged)
    seconds = 0.0 if judged.key else context.recipe.evaluation.speed_seconds
    rows = stored_rows(context, judged.corpus, judged.name)
    teachers = {t: (entry.config(), teacher_model(context, t)) for t, entry in context.recipe.teachers.items()}
    measured = measure(measurement(context, judging.scoring, rows, students, teachers, split.timed, seconds))
    return judging.report(context, judged, split, judging.lines(context, split, measured))
