"""Scores of rows, and how far their computation has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

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
