"""Mean of several teachers' class logits, row by row over those that scored it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def mean_of_scored(each: Sequence[FloatArray], shares: Sequence[float] = ()) -> FloatArray:
    """Return the weighted mean; a teacher without a score for a row has no part in that row's mean.

    Args:
        each: class logits of every teacher, float32 [n, C]; a row that is not finite has no score.
        shares: of every teacher in the mean; empty = equal ones.

    Returns:
        float32 [n, C]; NaN where no teacher with a share has a score.
    """
    logits = np.stack(list(each))  # [T, n, C]
    with np.errstate(invalid="ignore"):  # rows with gaps are computed below
        mean = np.average(logits, axis=0, weights=shares or None)
    scored = np.asarray(np.isfinite(logits).all(axis=2))  # [T, n]
    gaps = ~scored.all(axis=0)
    if gaps.any():
        weights = scored[:, gaps] * np.array(shares or [1.0] * len(logits))[:, None]  # [T, gaps]
        sums = (np.nan_to_num(logits[:, gaps], posinf=0.0, neginf=0.0) * weights[:, :, None]).sum(axis=0)
        total = weights.sum(axis=0)[:, None]
        mean[gaps] = np.where(total > 0, sums / np.where(total > 0, total, 1), np.nan)
    return mean.astype(np.float32)
