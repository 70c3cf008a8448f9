"""Answers and their scores carried from one tokenizer's tokens to another's, through the characters they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.text.features import Ragged

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """Where the tokens of one context lie in it.

    Attributes:
        starts: first character of every token, int64 [T], never falling.
        ends: the character after its last, int64 [T], never falling.
    """

    starts: IntArray
    ends: IntArray

    def __len__(self) -> int:
        return len(self.starts)

    def starting(self, characters: IntArray) -> IntArray:
        """Return the tokens with which text starts that starts at these characters.

        A character between two tokens (a blank, or one that the tokenizer drops) belongs to the token after it.
        """
        return np.minimum(np.searchsorted(self.ends, characters, side="right"), len(self) - 1)

    def ending(self, characters: IntArray) -> IntArray:
        """Return the tokens with which text ends whose last characters these are; between two, the one before."""
        return np.maximum(np.searchsorted(self.starts, characters, side="right") - 1, 0)

    def span(self, start: int, stop: int) -> tuple[int, int] | None:
        """Return the first and last token of the text from ``start`` up to ``stop``; None if no token is in it."""
        if not len(self) or stop <= start:
            return None
        first, last = self.starting(np.array([start]))[0], self.ending(np.array([stop - 1]))[0]
        inside = first <= last and self.ends[first] > start and self.starts[last] < stop
        return (int(first), int(last)) if inside else None


def grids_of(starts: Ragged, ends: Ragged) -> list[Grid]:
    """Return the places of every row's tokens."""
    rows = range(len(starts))
    return [Grid(starts.row(row).astype(np.int64), ends.row(row).astype(np.int64)) for row in rows]


def project(logits: FloatArray, source: Grid, target: Grid) -> FloatArray:
    """Return start and end logits on another tokenizer's tokens.

    The probability of starting at a token goes to the target's token that holds its first character, that of ending
    to the one that holds its last; what several give is added. So softmax(result) is the same distribution over places
    in the text, as finely as the coarser of both can tell, and on an equal grid the logits are equal.

    Args:
        logits: float32 [T, 2] on ``source``: start, end.
        source: tokens that the logits belong to.
        target: tokens they are wanted for.

    Returns:
        float32 [S, 2]; -inf where no token of the source starts (ends).
    """
    projected = np.full((len(target), 2), -np.inf, dtype=np.float32)
    if not len(source) or not len(target):
        return projected
    last = np.maximum(source.ends - 1, source.starts)  # a token without a character of its own stands where it starts
    for column, place in ((0, target.starting(source.starts)), (1, target.ending(last))):
        np.logaddexp.at(projected[:, column], place, logits[:, column])
    return projected
