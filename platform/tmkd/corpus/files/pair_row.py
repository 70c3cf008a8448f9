"""Check of one row of a question and a passage."""

from __future__ import annotations

from typing import Any

from tmkd.corpus.files.check import Checker
from tmkd.corpus.files.records import Row
from tmkd.corpus.files.sources import Source
from tmkd.corpus.files.values import both_key, text_of
from tmkd.corpus.hashing import text_hash


def check_pair(checker: Checker, source: Source, row: Row) -> tuple[Any, ...]:
    """Return the values of the spool's schema and the three keys. Raises `ValueError` with the reason."""
    position, (question, passage, label, grade, question_id, source_id, *_) = row
    question = text_of(question, "question")
    passage = text_of(passage, "passage")
    label, grade = checker.judgement(source, label, grade)
    text_key = checker.question_key(question)
    pair_key = both_key(question, passage)
    if "question_id" in source.columns:
        question_id = text_of(question_id, "question_id")
        group_key = text_hash(question_id)
    else:
        question_id, group_key = f"{text_key:016x}", text_key
    source_id = checker.key(source_id) if "source_id" in source.columns else f"{source.name}:{position}"
    fields = (source.name, position, source_id, question_id, question, passage, label, grade)
    return (*fields, group_key, text_key, pair_key)
