"""From what stands in an answers cell to golden answers that are where they say they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BAD_ANSWERS = "answers that are no list of texts and offsets"
NOT_AT_OFFSET = "answer that is not at its offset"
EMPTY_ANSWER = "answer without text"


def read_answers(value: Any, context: str) -> list[dict[str, Any]] | None:
    """Return the answers as ``[{"start": character, "text": ...}]``; [] where there is none, None where nobody judged.

    Args:
        value: ``[{"text", "answer_start"}, ...]`` as SQuAD has it, ``{"text": [...], "answer_start": [...]}`` as
            Hugging Face data sets have it, or None.
        context: that the answers lie in.

    Raises:
        ValueError: with the reason, if it is neither, or an answer is not at its offset.
    """
    if value is None:
        return None
    return [_checked(text, start, context) for text, start in _pairs(value)]


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    try:
        if isinstance(value, Mapping):
            return list(zip(value["text"], value["answer_start"], strict=True))
        return [(answer["text"], answer["answer_start"]) for answer in value]
    except (KeyError, TypeError, ValueError):
        raise ValueError(BAD_ANSWERS) from None


def _checked(text: Any, start: Any, context: str) -> dict[str, Any]:
    if not isinstance(text, str) or not isinstance(start, int) or isinstance(start, bool):
        raise ValueError(BAD_ANSWERS)
    if not text.strip():
        raise ValueError(EMPTY_ANSWER)
    if start < 0 or context[start : start + len(text)] != text:
        raise ValueError(NOT_AT_OFFSET)
    return {"start": start, "text": text}
