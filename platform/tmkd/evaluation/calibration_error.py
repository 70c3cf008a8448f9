"""Whether a model is right as often as it says it is."""

from __future__ import annotations

import numpy as np

from tmkd.evaluation.questions import Floats, Integers

BINS = 15


def expected_calibration_error(labels: Integers, probabilities: Floats, bins: int = BINS) -> float:
    """Return the mean gap between confidence and accuracy over equally wide bins of confidence (Guo et al., 2017, 3).

    Args:
        labels: int [n], class indices.
        probabilities: float [n, C].
        bins: between 0 and 1.

    Raises:
        ValueError: without rows.
    """
    if not len(labels):
        raise ValueError("no rows to measure calibration on")
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))
