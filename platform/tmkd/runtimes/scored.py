"""Scores of rows, and how far their computation has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int], None]
Values = TypeVar("Values")


def no_progress(rows: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Scored(Generic[Values]):
    """Scores of n rows.

    Attributes:
        values: float32 [n, C], or what a span reader says; not finite where a row could not be scored.
        faults: row -> why it could not be scored. A row whose score merely came out as NaN is not listed.
    """

    values: Values
    faults: dict[int, str] = field(default_factory=dict)

    def complete(self, model: str) -> Values:
        """Return the scores. Raises `UserError` if a row has none: models are compared on the same rows."""
        lost = len(self.faults)
        if isinstance(self.values, np.ndarray):
            lost = int((~np.isfinite(self.values).all(axis=1)).sum())
        if lost:
            reason = next(iter(self.faults.values()), "its score is not finite")
            raise UserError(f"{model}: {lost:,} row(s) could not be scored ({reason}), so nothing can be said of it")
        return self.values
