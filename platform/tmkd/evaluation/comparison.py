"""Many models over several seeds on the same questions: how good each is, and which really differ."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.bootstrap import bounds, resampled_means
from tmkd.evaluation.intervals import Interval
from tmkd.evaluation.questions import Ids, question_codes
from tmkd.evaluation.significance import mcnemar
from tmkd.evaluation.two_way import two_way

RESAMPLES = 10_000
RESAMPLES_A_PAIR = 100
"""At least so many where pairs are corrected together: the least p times all pairs is to be well below 0.05."""


@dataclass(frozen=True)
class Judged:
    """What one model reached on every row, a seed at a time.

    Attributes:
        scores: float64 [S, n]: 0/1 for accuracy, or a measure a question with one row a question. A model without
            seeds, such as a teacher that is not trained, has S = 1.
    """

    scores: NDArray[np.float64]

    @property
    def by_seed(self) -> list[float]:
        return [float(value) for value in self.scores.mean(axis=1)]

    @property
    def over_seeds(self) -> Interval | None:
        """The mean over seeds with the 95 % interval of Student's t; None for a single seed.

        It holds what other seeds would give on these questions, and not what other questions would.
        """
        from scipy.stats import t

        values, count = np.asarray(self.by_seed), len(self.by_seed)
        if count < 2:
            return None
        half = float(t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count))
        mean = float(values.mean())
        return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))


@dataclass(frozen=True)
class Difference:
    """One model's mean score less another's, on the same questions.

    Attributes:
        interval: 95 %, over questions and seeds (`tmkd.evaluation.two_way`).
        p: two-sided, that there is no difference: the larger one of the same analysis's and of the bootstrap's.
        over_questions: 95 %, paired bootstrap over questions alone, seeds averaged.
        p_over_questions: of that bootstrap.
        mcnemar: exact p-value on the rows of the first seed; None where scores are not 0 or 1.
    """

    interval: Interval
    p: float
    over_questions: Interval
    p_over_questions: float
    mcnemar: float | None


class Comparison:
    """Every model's mean on the same resamples of the questions, so that any two of them can be compared."""

    def __init__(
        self, models: Mapping[str, Judged], question_ids: Ids, resamples: int = RESAMPLES, seed: int = 0
    ) -> None:
        """Resample the questions; rows of a question stay together, seeds of a model are averaged first.

        Args:
            models: name -> what it reached; scores float64 [S, n].
            question_ids: string [n].
            resamples: of the questions.
            seed: of the resampling.

        Raises:
            ValueError: without models or rows.
        """
        if not models or not len(question_ids):
            raise ValueError("nothing to compare")
        self.models = dict(models)
        self._at = {name: index for index, name in enumerate(models)}
        codes = question_codes(question_ids)
        self._counts = np.bincount(codes).astype(np.float64)  # [Q]
        self._sums = [
            np.stack([np.bincount(codes, weights=row) for row in judged.scores]) for judged in models.values()
        ]  # each [S, Q]
        sums = np.stack([each.mean(axis=0) for each in self._sums])  # [m, Q]
        self.estimates = sums.sum(axis=1) / self._counts.sum()  # [m]
        self.resampled = resampled_means(sums, self._counts, resamples, seed)  # [m, b]

    def interval(self, model: str) -> Interval:
        """Return a model's mean with its 95 % interval over questions."""
        return _interval(float(self.estimates[self._at[model]]), self.resampled[self._at[model]])

    def difference(self, model: str, other: str) -> Difference:
        """Return the mean of ``model`` less that of ``other``, and whether chance explains it.

        Raises:
            ValueError: if both have several seeds, and not as many.
        """
        one, two = self._at[model], self._at[other]
        values = self.resampled[one] - self.resampled[two]
        below, above = int((values <= 0).sum()), int((values >= 0).sum())
        p = min(1.0, 2 * (min(below, above) + 1) / (len(values) + 1))
        found = two_way(self._by_question(one, two))
        interval = Interval(
            found.estimate,
            max(-1.0, found.estimate - found.half_width),  # scores lie between 0 and 1
            min(1.0, found.estimate + found.half_width),
        )
        over_questions = _interval(found.estimate, values)
        return Difference(interval, max(p, found.p), over_questions, p, self._mcnemar(model, other))

    def _by_question(self, one: int, two: int) -> NDArray[np.float64]:
        """Return the difference a seed and question, float64 [S, Q], so that the mean over questions is that over rows.

        Questions with more rows weigh more, as in a ratio of sums (linearised: Cochran, Sampling Techniques, ch. 6).
        """
        sums = self._sums[one] - self._sums[two]  # [S, Q]; a model without seeds is the same for all of them
        rows = self._counts.sum()
        means = sums.sum(axis=1, keepdims=True) / rows  # [S, 1]
        return (sums - means * self._counts) * len(self._counts) / rows + means

    def pairs(self, names: Sequence[str]) -> dict[tuple[str, str], Difference]:
        """Return the difference of any two, the better one first."""
        ordered = sorted(names, key=lambda name: -self.estimates[self._at[name]])
        return {(one, two): self.difference(one, two) for one, two in itertools.combinations(ordered, 2)}

    def _mcnemar(self, model: str, other: str) -> float | None:
        one, two = self.models[model].scores[0], self.models[other].scores[0]
        binary = all(np.isin(scores, (0.0, 1.0)).all() for scores in (one, two))
        return mcnemar(one.astype(bool), two.astype(bool)) if binary else None


def _interval(estimate: float, values: NDArray[np.float64]) -> Interval:
    return Interval(estimate, *bounds(values))
