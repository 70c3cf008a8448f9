"""What a span reader says of many contexts, each of as many tokens as it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpanLogits:
    """Start and end logits of n contexts on one tokenizer's tokens.

    Attributes:
        tokens: of all contexts' tokens, one after the other, float32 [ΣT, 2]: start, end.
        offsets: row ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``, int64 [n + 1].
        null: score of "there is no answer", start plus end logit of the first special token, float32 [n].
    """

    tokens: FloatArray
    offsets: IntArray
    null: FloatArray

    @classmethod
    def of(cls, rows: Sequence[FloatArray], null: FloatArray) -> SpanLogits:
        """Put together what is said of each context, float32 [T, 2], and of its having no answer, [n]."""
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        tokens = np.concatenate(rows) if len(rows) else np.empty((0, 2), np.float32)
        return cls(tokens.astype(np.float32), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), null)

    def __len__(self) -> int:
        return len(self.null)

    @property
    def lengths(self) -> IntArray:
        """Tokens of every context, int64 [n]."""
        return np.diff(self.offsets)

    def row(self, index: int) -> FloatArray:
        """Return start and end logits of one context, float32 [T, 2]; of no tokens where it could not be scored."""
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]

    def within(self, largest: float) -> npt.NDArray[np.bool_]:
        """Tell of each row [n] whether all of it is finite and at most ``largest`` in size."""
        with np.errstate(invalid="ignore"):
            good = (np.abs(self.tokens) <= largest).all(axis=1)
            null = np.abs(self.null) <= largest
        rows = np.repeat(np.arange(len(self)), self.lengths)
        bad = np.bincount(rows[~good], minlength=len(self)) > 0
        return np.asarray(null & ~bad)
