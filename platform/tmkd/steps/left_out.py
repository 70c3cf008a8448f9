"""Rows of a split that count in no figure, because a teacher could not score them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError
from tmkd.steps.context import Context

BoolArray = npt.NDArray[np.bool_]


def scored_by_all(context: Context, split: str, scored: Mapping[str, BoolArray]) -> BoolArray:
    """Return the rows that every teacher has scored, and caution about the others.

    All models are compared on the same rows, so a row without a score of one teacher counts for none of them.

    Args:
        context: of the run, which keeps the caution.
        split: the split and corpus in words, for messages.
        scored: teacher -> whether it has a score, bool [n].

    Returns:
        bool [n].

    Raises:
        UserError: if no row is left.
    """
    everyone = np.logical_and.reduce(list(scored.values()))
    out = int((~everyone).sum())
    if not out:
        return everyone
    by_teacher = ", ".join(f"{name} {int((~rows).sum()):,}" for name, rows in scored.items() if not rows.all())
    if out == len(everyone):
        raise UserError(
            f"{split}: none of its {out:,} rows was scored by every teacher ({by_teacher} not scored), so there is "
            "nothing to compare models on; mend these teachers or leave them out"
        )
    context.caution(
        f"{split}: {out:,} of {len(everyone):,} rows count in no figure, because a teacher could not score them "
        f"({by_teacher})"
    )
    return everyone
