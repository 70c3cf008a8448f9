"""How sure a figure is: bootstrap over questions, Wilson for a plain share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.bootstrap import bounds, resampled_means
from tmkd.evaluation.questions import Floats, Ids, question_codes

RESAMPLES = 2000
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval (other confidences where a function takes one)."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Run:
    """One seed's scores of several models on the same rows.

    Attributes:
        question_ids: string[n].
        scores: model -> float[n]: 0/1 for accuracy, or a measure a question with one row a question.
    """

    question_ids: Ids
    scores: Mapping[str, Floats]


def mean(runs: Sequence[Run], model: str, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return a model's mean score over all rows of all runs, with its interval."""
    return _bootstrap(runs, [model], lambda m: m[0], resamples, seed)


def difference(runs: Sequence[Run], model: str, other: str, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean score of ``model`` less that of ``other``, paired: both are read on the same resample."""
    return _bootstrap(runs, [model, other], lambda m: m[0] - m[1], resamples, seed)


def recovered_gap(
    runs: Sequence[Run],
    student: str = "student",
    baseline: str = "baseline",
    ensemble: str = "ensemble",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return (student - baseline) / (ensemble - baseline) of the mean scores; None if the ensemble is not ahead.

    A resample in which the ensemble is not ahead has no ratio: it counts as plus or minus infinity, after the sign of
    the student's gain, so a gap that is not sure shows as an interval without end.
    """

    def ratio(means: NDArray[np.float64]) -> NDArray[np.float64]:
        gain, gap = means[0] - means[1], means[2] - means[1]
        return np.where(gap > 0, gain / np.where(gap > 0, gap, 1.0), np.where(gain < 0, -np.inf, np.inf))

    interval = _bootstrap(runs, [student, baseline, ensemble], ratio, resamples, seed)
    return interval if math.isfinite(interval.estimate) else None


def wilson(correct: int, total: int, confidence: float = 0.95) -> Interval:
    """Return a share and its score interval (Wilson, 1927), which holds for few rows and shares near 0 or 1."""
    if not 0 <= correct <= total or total == 0:
        raise ValueError(f"{correct} of {total} is no share")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = correct / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return Interval(share, max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale))


def _bootstrap(runs: Sequence[Run], models: list[str], statistic: Statistic, resamples: int, seed: int) -> Interval:
    """Percentile bootstrap of a statistic of mean scores (`tmkd.evaluation.bootstrap`).

    Runs are pooled: rows of a question that several seeds judged stay together, as they are no independent evidence.
    How much seeds differ among themselves is not in the interval.

    Args:
        runs: at least one, each with every model of ``models``.
        models: m names.
        statistic: float64[m, b] of mean scores to float64[b].
        resamples: number b of resamples in all.
        seed: of the resampling.
    """
    sums, counts = _by_question(runs, models)
    values = statistic(resampled_means(sums, counts, resamples, seed))
    estimate = statistic((sums.sum(axis=1) / counts.sum())[:, None])[0]
    return Interval(float(estimate), *bounds(values))


def _by_question(runs: Sequence[Run], models: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return score sums float64[m, Q] and row counts float64[Q] of the questions of all runs."""
    ids = np.concatenate([np.asarray(run.question_ids, dtype=object) for run in runs] or [np.empty(0)])
    if not len(ids):
        raise ValueError("no rows to resample")
    codes = question_codes(ids)
    pooled = [np.concatenate([np.asarray(run.scores[model], dtype=np.float64) for run in runs]) for model in models]
    return np.stack([np.bincount(codes, weights=scores) for scores in pooled]), np.bincount(codes).astype(np.float64)
