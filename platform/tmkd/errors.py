"""The one exception that stands for a mistake the user can mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MESSAGE_LENGTH = 2000
"""Characters that a message stays below, whatever the user's file holds."""


class UserError(Exception):
    """Something the user gave cannot be used.

    Its message names the file, key or value and what would be right, in less than `MESSAGE_LENGTH` characters. Jobs
    print it without a stack trace and exit with status 2.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(str(message)))


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal; handled as Ctrl-C wherever nothing else is said.

    Attributes:
        signal: number of the signal.
    """

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def nearest(word: str, legal: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the legal word nearest to ``word``, or ``""``."""
    close = difflib.get_close_matches(word[:100], list(legal), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def shortened(text: str, limit: int = MESSAGE_LENGTH) -> str:
    """Return ``text`` in less than ``limit`` characters: whole lines from the start, then how much was left out."""
    if len(text) < limit:
        return text
    room = limit - 40
    kept = text[:room].rpartition("\n")[0]
    if len(kept) < room // 2:  # a line of its own is too long
        return f"{text[:room]}… ({len(text) - room} more characters)"
    return f"{kept}\n  … and {text[len(kept) :].count(chr(10))} more lines"
