"""The teachers' ensemble: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.questions import Floats


def mean_probabilities(teachers: Sequence[Floats], weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Return the mean over teachers of float[n, C] probabilities; float64[n, C].

    Args:
        teachers: their probabilities.
        weights: of their votes; equal ones where there are none.

    Raises:
        ValueError: if there is no teacher or their shapes differ.
    """
    shapes = {probabilities.shape for probabilities in teachers}
    if len(shapes) != 1:
        raise ValueError(f"an ensemble needs teachers of one shape, found {sorted(shapes)}")
    mean: NDArray[np.float64] = np.average(np.stack(teachers).astype(np.float64), axis=0, weights=weights)
    return mean
