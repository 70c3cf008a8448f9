"""The bootstrap over questions: means on resamples, and the percentiles that intervals are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 8_000_000
"""Weights held in memory at a time."""


def resampled_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], resamples: int, seed: int
) -> NDArray[np.float64]:
    """Return mean scores on resamples of the questions, not of rows (Efron & Tibshirani, 1993, 13.3).

    Args:
        sums: of the scores of m models on every question's rows, [m, Q].
        counts: rows of every question, [Q].
        resamples: number b of them; the same for all models, so that they can be compared.
        seed: of the resampling.

    Returns:
        float64 [m, b].
    """
    questions, rng = len(counts), np.random.default_rng(seed)
    block = max(1, BLOCK // questions)
    parts = []
    for start in range(0, resamples, block):
        drawn = rng.multinomial(questions, np.full(questions, 1 / questions), size=min(block, resamples - start))
        weights = drawn.astype(np.float64)  # [block, Q]
        parts.append(sums @ weights.T / (weights @ counts))
    return np.concatenate(parts, axis=1)


def bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the 95 % percentile interval: values that were met, so that infinite ones are none's mean."""
    low, high = np.percentile(values, [2.5, 97.5], method="inverted_cdf")
    return float(low), float(high)
