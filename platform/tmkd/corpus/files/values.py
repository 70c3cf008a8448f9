"""Values of a row as text, and the keys by which rows are told apart."""

from __future__ import annotations

import math
from typing import Any

from tmkd.corpus.hashing import text_hash


def both_key(question: str, text: str) -> int:
    """Return the key of a question with its text; the length tells where one ends, whatever is in them."""
    return text_hash(f"{len(question)}\x1f{question}{text}")


def is_null(value: Any) -> bool:
    """Tell whether nothing stands there: data frames write missing text as NaN, and 1e400 in JSON is infinite."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def text_of(value: Any, role: str) -> str:
    """Return stripped text. Raises `ValueError` with the reason if there is none."""
    if value.__class__ is not str:
        if is_null(value):
            raise ValueError(f"null {role}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{role} that is not text")
        value = str(value)
    value = value.strip()
    if not value:
        raise ValueError(f"empty {role}")
    return str(value)
