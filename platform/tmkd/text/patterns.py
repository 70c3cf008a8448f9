"""Regular expressions of a recipe, matched by the library regex: it bounds the time of a match."""

from __future__ import annotations

from functools import lru_cache

import regex

from tmkd.errors import UserError, shortened

TIMEOUT_S = 5.0
"""CPU time of one match; usual ones take microseconds."""
LONGEST = 1000
"""Characters of a pattern."""


@lru_cache(maxsize=64)
def compiled(pattern: str) -> regex.Pattern[str]:
    """Return a pattern that has a group. Raises `ValueError` saying what is wrong with it."""
    if len(pattern) > LONGEST:
        raise ValueError(f"{shortened(repr(pattern), 100)} has {len(pattern):,} characters, at most {LONGEST:,} fit")
    try:
        found = regex.compile(pattern, regex.DOTALL | regex.V0)
    except (regex.error, OverflowError, RecursionError, MemoryError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{shortened(repr(pattern), 200)} is not a regular expression: {reason}") from None
    if found.groups < 1:
        raise ValueError(f"{shortened(repr(pattern), 200)} has no group; put what the teacher reads in parentheses")
    return found


def view(text: str, pattern: str | None) -> str:
    """Return the part of a text that a teacher reads: group 1 of ``pattern``, or all where it does not match.

    Raises:
        UserError: the match takes too long: the pattern backtracks without end.
    """
    if not pattern:
        return text
    try:
        match = compiled(pattern).match(text, timeout=TIMEOUT_S)
    except TimeoutError:
        raise UserError(
            f"question_pattern {pattern!r}: takes over {TIMEOUT_S:g} s on the question {text[:100]!r}; simplify it: "
            "repeat no group that repeats something itself"
        ) from None
    found: str | None = match.group(1) if match else None
    return text if found is None else found
