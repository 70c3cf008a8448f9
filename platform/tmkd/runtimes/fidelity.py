"""Whether a faster way to score says the same: the gate that every runtime and number format must pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax
from scipy.stats import kendalltau

FloatArray = npt.NDArray[np.floating]
LARGEST_P99 = 0.01
SMALLEST_TAU = 0.995


@dataclass(frozen=True)
class Fidelity:
    """How far scores are from those of fp32.

    Attributes:
        p99: 99th percentile, over rows and classes, of the absolute difference of probabilities.
        tau: Kendall's tau-b of the rows' order, the worst class's.
    """

    p99: float
    tau: float

    @property
    def passes(self) -> bool:
        return self.p99 <= LARGEST_P99 and self.tau >= SMALLEST_TAU


def fidelity(reference: FloatArray, scores: FloatArray) -> Fidelity:
    """Compare raw scores [n, C] with those of fp32, which must be there for every row that fp32 can score.

    A single raw score has no scale of its own (a cosine, a reranker's logit): it is compared as a logit that is
    standardised to the spread it has in ``reference``.
    """
    usable = np.isfinite(reference).all(axis=1)
    expected, found = reference[usable].astype(float), scores[usable].astype(float)
    if len(expected) < 2 or not np.isfinite(found).all():
        return Fidelity(1.0, 0.0)
    if expected.shape[1] == 1:
        centre, spread = expected.mean(), max(float(expected.std()), 1e-9)
        before, after = expit((expected - centre) / spread), expit((found - centre) / spread)
    else:
        before, after = softmax(expected, axis=1), softmax(found, axis=1)
    taus = [_tau(expected[:, column], found[:, column]) for column in range(expected.shape[1])]
    return Fidelity(float(np.quantile(np.abs(before - after), 0.99)), min(taus))


def _tau(expected: FloatArray, found: FloatArray) -> float:
    tau = float(kendalltau(expected, found).statistic)
    return tau if np.isfinite(tau) else float(np.array_equal(expected, found))
