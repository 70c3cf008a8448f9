"""Task ``span``: find the answer to a question in a context."""

from __future__ import annotations

from tmkd.tasks.base import Task
from tmkd.tasks.signals import ATTENTION_MAPS, SPAN_LOGITS

SPAN = Task(
    name="span",
    meaning="find its answer in a context",
    gives=(SPAN_LOGITS, ATTENTION_MAPS),
    sources=("files",),
    formats={".json": "squad"},
    has_answers=True,
    has_other_tests=True,
    row="tmkd.corpus.files.span_row:check_span",
    layout="tmkd.corpus.schema:SPANS",
    student="tmkd.models.span_student:StudentForQuestionAnswering",
    lesson="tmkd.training.lessons:SPAN_LESSON",
    shorthands="tmkd.recipe.shorthands:OF_SPANS",
    tracked="tmkd.steps.spans.tracked:describe",
    judging="tmkd.steps.spans.evaluation:SPAN_JUDGING",
)
