"""The one exception that stands for a mistake the user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave cannot be used.

    Its message names the file, key or value and what would be right. Jobs print it
    without a stack trace and exit with status 2.
    """


def nearest(word: str, legal: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the legal word nearest to ``word``, or ``""``."""
    close = difflib.get_close_matches(word, list(legal), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
