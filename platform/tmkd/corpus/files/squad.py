"""Files in the format of SQuAD 1.1 and 2.0: articles, their paragraphs, and questions about them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.records import Bad, Record, Row
from tmkd.corpus.files.sources import Source
from tmkd.corpus.files.streams import BOM, open_text
from tmkd.errors import UserError

NO_ANSWER = "question without an answer, which SQuAD 1.1 does not have"
NOT_IMPOSSIBLE = "question without an answer that is not said to be impossible"
MALFORMED = "question that is not as SQuAD has it"
BAD_IMPOSSIBLE = "is_impossible that is neither true nor false: {value:.60}"
SAID = {"true": True, "1": True, "false": False, "0": False}


def read_squad(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield the questions of a file; positions are their numbers in the file from 1.

    Raises:
        UserError: if it cannot be read, or is no SQuAD file.
    """
    tree = _load(source.location, config.encoding)
    judged = "answers" in source.columns
    strict = judged and str(tree.get("version", "")).startswith("1")
    position = 0
    for article in tree["data"]:
        for paragraph in _children(article, "paragraphs"):
            for question in _children(paragraph, "qas"):
                position += 1
                yield _record(position, article, paragraph, question, judged, strict)


def _record(
    position: int, article: dict[str, Any], paragraph: Any, question: Any, judged: bool, strict: bool
) -> Record:
    if not isinstance(paragraph, dict) or not isinstance(question, dict):
        return Bad(position, MALFORMED, json.dumps(question if isinstance(paragraph, dict) else paragraph))
    asked = question.get("question")
    try:
        answers = _answers(question, strict) if judged else None
    except ValueError as error:
        return Bad(position, str(error), str(asked))
    key, context, title = question.get("id"), paragraph.get("context"), article.get("title")
    if isinstance(title, str) and not title.strip():
        title = None  # so that the context is the group: all untitled articles are not one
    return Row(position, (asked, context, None, None, None, key, answers, title))


def _answers(question: dict[str, Any], strict: bool) -> Any:
    """Return what stands as answers, [] where the question is said to have none. Raises `ValueError` with the reason.

    Args:
        question: as it stands in the file.
        strict: whether every question must have an answer.
    """
    impossible = _impossible(question.get("is_impossible"))
    answers = [] if impossible else question.get("answers")
    if answers == [] and strict:
        raise ValueError(NO_ANSWER)
    if answers == [] and impossible is False:
        raise ValueError(NOT_IMPOSSIBLE)
    return answers


def _impossible(value: Any) -> bool | None:
    """Return what ``is_impossible`` says, also in words: "false" is true to Python. None where it is not there."""
    if value is None or isinstance(value, bool):
        return value
    said = SAID.get(str(value).strip().lower())
    if said is None:
        raise ValueError(BAD_IMPOSSIBLE.format(value=repr(value)))
    return said


def _load(location: str, encoding: str) -> dict[str, Any]:
    try:
        with open_text(location, encoding) as file:
            tree = json.loads(file.bytes.read().removeprefix(BOM).decode(file.encoding))
    except UnicodeDecodeError as error:
        raise UserError(f"{location}: {error}; see corpus.encoding") from None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{location}: not one JSON document ({error}); for an object per question, set corpus.format: jsonl"
        ) from None
    articles = tree.get("data") if isinstance(tree, dict) else None
    if not isinstance(articles, list) or not all(isinstance(article, dict) for article in articles):
        found = ", ".join(list(tree)[:8]) if isinstance(tree, dict) else f"a {type(tree).__name__}"
        raise UserError(
            f"{location}: no SQuAD file: expected an object with a list of articles as 'data', found {found}; for an "
            "object per question, set corpus.format: jsonl"
        )
    return tree


def _children(parent: Any, key: str) -> list[Any]:
    """Return a list of paragraphs or questions; where there is none to read, one that says so as a bad row."""
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, list) else [None]
