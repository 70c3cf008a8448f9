"""Whether rows of a table really differ: McNemar's test on answers, and Holm's correction over many comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEVEL = 0.05
NOTHING_SHOWN = "no difference shown"


def mcnemar(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the exact two-sided p-value that two models are right equally often (McNemar, 1947).

    Only rows that one of them alone has right say anything; rows count as independent, so where a question has several
    candidates `tmkd.evaluation.paired_test` is the one to trust.

    Args:
        one: whether a model is right, bool [n].
        other: whether the other one is right on the same rows, bool [n].
    """
    from scipy.stats import binomtest

    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    if not only_one + only_other:
        return 1.0
    return float(binomtest(only_one, only_one + only_other).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values as they count when all of them were asked for at once (Holm, 1979).

    The smallest is multiplied by their number, the next by one less, and so on, none becoming smaller than the one
    before. Whatever is below 0.05 then holds with no more than one chance in twenty that any of them is wrong.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(order) - np.arange(len(order))
    raised = np.maximum.accumulate(np.asarray(p_values, np.float64)[order] * factors)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(raised, 1.0)
    return [float(value) for value in corrected]


def verdict(p: float, better: str, worse: str) -> str:
    """Say what a corrected p-value allows to be said."""
    return f"{better} is better than {worse} (p {p:.2g})" if p < LEVEL else f"{NOTHING_SHOWN} (p {p:.2g})"
