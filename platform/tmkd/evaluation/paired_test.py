"""Whether one model is really better than another on the same questions: the paired randomisation test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
BLOCK = 4_000_000
ROUNDING = 1e-12


def p_value(differences: npt.NDArray[np.floating], resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Return how often chance alone gives a mean difference as large as the one found (Noreen, 1989; two-sided).

    If it did not matter which of two models answered a question, each question's difference could as well have the
    other sign.

    Args:
        differences: score of one model less that of the other, a question, float [n].
        resamples: random choices of signs.
        seed: of the choices.

    Returns:
        In (0, 1]: the share of choices, the one found among them, whose mean is at least as far from 0.

    Raises:
        ValueError: without any question.
    """
    if not len(differences):
        raise ValueError("no questions to compare on")
    values = np.asarray(differences, np.float64)
    values = values[values != 0]  # their sign does not matter
    found, rng, extreme = abs(values.sum()), np.random.default_rng(seed), 0
    for start in range(0, resamples, max(1, BLOCK // max(1, len(values)))):
        size = min(resamples - start, max(1, BLOCK // max(1, len(values))))
        signs = rng.integers(0, 2, (size, len(values)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ values) >= found - ROUNDING).sum())
    return (extreme + 1) / (resamples + 1)
