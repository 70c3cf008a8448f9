"""Check of one row of a question, a context and the answers in it."""

from __future__ import annotations

from typing import Any

from tmkd.corpus.files.answers import read_answers
from tmkd.corpus.files.check import Checker
from tmkd.corpus.files.records import Row
from tmkd.corpus.files.sources import Source
from tmkd.corpus.files.values import both_key, is_null, text_of
from tmkd.corpus.hashing import text_hash


def check_span(checker: Checker, source: Source, row: Row) -> tuple[Any, ...]:
    """Return the values of the spool's schema and the three keys. Raises `ValueError` with the reason.

    The context stays as it is: answers are counted in its characters.
    """
    position, (question, context, _, _, question_id, source_id, answers, group) = row
    question = text_of(question, "question")
    context = context if isinstance(context, str) and context.strip() else text_of(context, "context")
    found = read_answers(answers, context)
    source_id = checker.key(source_id) if "source_id" in source.columns else f"{source.name}:{position}"
    question_id = text_of(question_id, "question_id") if "question_id" in source.columns else source_id
    text_key = text_hash(context)
    group = text_of(group, "group") if not is_null(group) else f"{text_key:016x}"
    fields = (source.name, position, source_id, question_id, question, context, group, found)
    return (*fields, text_hash(group), text_key, both_key(question, context))
