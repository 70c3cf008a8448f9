"""Task ``pair``: judge a question against a passage."""

from __future__ import annotations

from tmkd.tasks.base import Task
from tmkd.tasks.signals import CLASS_LOGITS

PAIR = Task(
    name="pair",
    meaning="judge a question against a passage",
    gives=(CLASS_LOGITS,),
    has_classes=True,
    has_candidates=True,
    has_studies=True,
    tries_runtimes=True,
    row="tmkd.corpus.files.pair_row:check_pair",
    layout="tmkd.corpus.schema:PAIRS",
    student="tmkd.models.student:StudentForSequenceClassification",
    lesson="tmkd.training.lessons:PAIR_LESSON",
    shorthands="tmkd.recipe.shorthands:OF_CLASSES",
    tracked="tmkd.steps.pairs.tracked:describe",
    judging="tmkd.steps.pairs.evaluation:PAIR_JUDGING",
)
