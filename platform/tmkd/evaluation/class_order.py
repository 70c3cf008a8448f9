"""Whether a model's classes would fit golden labels better in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.evaluation.paired_test import p_value
from tmkd.evaluation.quality import UNJUDGED
from tmkd.evaluation.questions import Floats, Integers

LEVEL = 0.01
"""p below which one order is clearly better than another."""
GAIN = 0.05
"""Balanced accuracy that another order must gain to be worth a word."""
SMALLEST = 1e-7

Order = tuple[int, ...]


@dataclass(frozen=True)
class OrderFit:
    """How the order of a model's columns that fits golden labels best compares with the one they are read in.

    Attributes:
        order: the class that each column fits best.
        accuracy: balanced accuracy of the columns as they are read.
        best: balanced accuracy in ``order``.
        p_as_read: p of ``order`` against the order as read; 1.0 where it gains less than `GAIN`.
        p_lead: largest p of ``order`` against any other order; 1.0 unless asked for.
    """

    order: Order
    accuracy: float
    best: float
    p_as_read: float
    p_lead: float = 1.0

    @property
    def is_as_read(self) -> bool:
        """Whether no order fits better than the one that columns are read in."""
        return self.order == tuple(range(len(self.order)))

    @property
    def is_clear(self) -> bool:
        """Whether ``order`` fits clearly better than every other."""
        return self.p_lead < LEVEL

    @property
    def contradicts(self) -> bool:
        """Whether the order as read is clearly worse than another."""
        return self.p_as_read < LEVEL


def fit_order(labels: Integers, probabilities: Floats, lead: bool = False) -> OrderFit | None:
    """Find the order of columns that fits golden labels best; None without rows of two classes.

    Decisions are made after subtracting each column's mean log-probability (over classes, so that frequent ones do not
    decide), and every class counts alike: a model that nearly always says the same fits no order. Orders are compared
    row by row with the paired randomisation test.

    Args:
        labels: int [n], `UNJUDGED` where there is none.
        probabilities: float [n, C]; rows that are not finite are left out.
        lead: whether to compare with every other order, too.
    """
    used = (labels != UNJUDGED) & np.isfinite(probabilities).all(axis=1)
    labels, classes = labels[used], probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    if (counts > 0).sum() < 2:
        return None
    weights = 1.0 / (counts[labels] * (counts > 0).sum())  # [n], sum to one
    decided = _decisions(probabilities[used].astype(np.float64), weights)
    agreed = np.zeros((classes, classes))
    np.add.at(agreed, (decided, labels), weights)  # column, class -> share of balanced accuracy
    as_read = tuple(range(classes))
    order = _best(agreed)
    if _accuracy(agreed, order) <= _accuracy(agreed, as_read) + 1e-12:
        order = as_read

    def p_of(other: Order) -> float:
        right = [np.asarray(each)[decided] == labels for each in (order, other)]
        return p_value(weights * (right[0].astype(np.float64) - right[1]))

    return OrderFit(
        order, accuracy=_accuracy(agreed, as_read), best=_accuracy(agreed, order),
        p_as_read=p_of(as_read) if _accuracy(agreed, order) - _accuracy(agreed, as_read) >= GAIN else 1.0,
        p_lead=max(p_of(rival) for rival in _rivals(agreed, order)) if lead else 1.0,
    )  # fmt: skip


def _decisions(probabilities: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    logs = np.log(np.clip(probabilities, SMALLEST, None))
    return np.asarray((logs - weights @ logs).argmax(axis=1))


def _accuracy(agreed: npt.NDArray[np.float64], order: Order) -> float:
    return float(agreed[np.arange(len(order)), list(order)].sum())


def _best(agreed: npt.NDArray[np.float64]) -> Order:
    from scipy.optimize import linear_sum_assignment

    return tuple(int(place) for place in linear_sum_assignment(agreed, maximize=True)[1])


def _rivals(agreed: npt.NDArray[np.float64], order: Order) -> list[Order]:
    """Return, for each column, the best order that gives it another class: among them is the second best of all."""
    found = []
    for column, place in enumerate(order):
        barred = agreed.copy()
        barred[column, place] = -len(order)
        found.append(_best(barred))
    return list(dict.fromkeys(found))
