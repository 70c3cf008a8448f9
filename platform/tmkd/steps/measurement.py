"""From a run to what is measured: rows of a split, how much students read, in what precision, on which nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.scorer import StoredRows
from tmkd.evaluation.scoring import Measurement
from tmkd.evaluation.task_scoring import Pairs, TaskScoring, TextLimits
from tmkd.steps.context import Context
from tmkd.teachers.config import TeacherConfig

Output = TypeVar("Output")


def stored_rows(context: Context, corpus: CorpusManifest, split: str) -> StoredRows:
    """Return all rows of a split."""
    return StoredRows(context.workspace, corpus.name, corpus.fingerprints, split, tuple(corpus.shards(split)))


def measurement(
    context: Context,
    scoring: TaskScoring[Output],
    rows: StoredRows,
    students: Mapping[str, str],
    teachers: Mapping[str, tuple[TeacherConfig, str]],
    pairs: Pairs,
    seconds: float,
) -> Measurement[Output]:
    """Return the measurement of students that read and run as the recipe sets; see `Measurement`."""
    recipe = context.recipe
    limits = TextLimits(recipe.student.max_length, recipe.reading.max_question_tokens, recipe.reading.overlap)
    return Measurement(
        scoring, rows, students, teachers, limits, recipe.training.precision, seconds, pairs, recipe.training.placement
    )
