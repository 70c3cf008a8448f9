"""The kinds of teacher, one line each. A new kind is one new file and two new lines here."""

from __future__ import annotations

from tmkd.tasks.registry import names_where, task_of
from tmkd.tasks.signals import ATTENTION_MAPS, CLASS_LOGITS, SPAN_LOGITS

KINDS: dict[str, str] = {
    "classifier": "tmkd.teachers.classifier:Classifier",
    "bi_encoder": "tmkd.teachers.bi_encoder:BiEncoder",
    "span_reader": "tmkd.teachers.span_reader:SpanReader",
}
"""Kind in a recipe -> class, imported when it is first used (so that a recipe is checked without torch)."""
OWN_KINDS = {"reader_attention": "tmkd.teachers.reader_attention:ReaderAttention"}
"""Kinds that no recipe names: the platform makes them out of a recipe's teachers."""

GIVES = {
    "classifier": CLASS_LOGITS,
    "bi_encoder": CLASS_LOGITS,
    "span_reader": SPAN_LOGITS,
    "reader_attention": ATTENTION_MAPS,
}
"""Kind -> signal that it gives."""


def kinds_for(task: str) -> list[str]:
    """Return the kinds of teacher for corpora of a task."""
    return [kind for kind in KINDS if GIVES[kind] in task_of(task).gives]


def tasks_for(kind: str) -> str:
    """Return the tasks whose corpora a kind of teacher labels, as messages list them."""
    return names_where(lambda task: GIVES[kind] in task.gives)
