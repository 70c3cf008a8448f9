"""The teachers' ensemble: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.questions import Floats


def mean_probabilities(teachers: Sequence[Floats]) -> NDArray[np.float64]:
    """Return the mean over teachers of float[n, C] probabilities; float64[n, C].

    Raises:
        ValueError: if there is no teacher or their shapes differ.
    """
    shapes = {probabilities.shape for probabilities in teachers}
    if len(shapes) != 1:
        raise ValueError(f"an ensemble needs teachers of one shape, found {sorted(shapes)}")
    return np.mean(np.stack(teachers), axis=0, dtype=np.float64)
