"""How the tokens of many contexts divide their attention among the tokens of their questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class AttentionMaps:
    """Of n contexts, each of its own number of tokens T, over questions of N tokens each.

    Attributes:
        shares: of all contexts, one after the other, float32 [ΣT·N]; what a token of the context gives sums to 1.
        offsets: context ``i`` is ``shares[offsets[i]:offsets[i + 1]]``, int64 [n + 1].
        question: N of every question, int64 [n]; 0 where the context could not be read.
    """

    shares: FloatArray
    offsets: IntArray
    question: IntArray

    @classmethod
    def of(cls, rows: Sequence[FloatArray]) -> AttentionMaps:
        """Put together the maps [T, N] of every context."""
        flat = [row.reshape(-1) for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in flat])]).astype(np.int64)
        shares = np.concatenate(flat) if flat else np.empty(0)
        return cls(shares.astype(np.float32), offsets, np.array([row.shape[1] for row in rows], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.question)

    @property
    def lengths(self) -> IntArray:
        """Numbers of every context, T·N, int64 [n]."""
        return np.diff(self.offsets)

    def row(self, index: int) -> FloatArray:
        """Return the map [T, N] of one context; [0, 0] where it could not be read."""
        asked = int(self.question[index])
        flat = self.shares[self.offsets[index] : self.offsets[index + 1]]
        return flat.reshape(-1, asked) if asked else flat.reshape(0, 0)

    def within(self, largest: float) -> npt.NDArray[np.bool_]:
        """Tell of each context [n] whether it was read and all of it is finite and at most ``largest`` in size."""
        with np.errstate(invalid="ignore"):
            good = np.abs(self.shares) <= largest
        rows = np.repeat(np.arange(len(self)), self.lengths)
        bad = np.bincount(rows[~good], minlength=len(self)) > 0
        return np.asarray((self.question > 0) & ~bad)
