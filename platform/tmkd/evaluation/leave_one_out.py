"""What each teacher brings: the ensemble with it and without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.intervals import Interval, Run, difference
from tmkd.evaluation.paired_test import p_value
from tmkd.evaluation.quality import correct
from tmkd.evaluation.questions import Floats, Ids, question_codes
from tmkd.evaluation.significance import LEVEL, holm


@dataclass(frozen=True)
class Contribution:
    """What one teacher brings to the ensemble, in accuracy.

    Attributes:
        teacher: its name.
        alone: its accuracy.
        brought: accuracy of the ensemble less that of the others together; negative if it harms.
        p: that it brings nothing, after Holm's correction over the teachers.
    """

    teacher: str
    alone: float
    brought: Interval
    p: float

    @property
    def harms(self) -> bool:
        """Whether the others are shown to be better without it."""
        return self.p < LEVEL and self.brought.estimate < 0

    def says(self) -> str:
        """Return it in words."""
        if self.harms:
            return (
                f"Teacher {self.teacher} harms the ensemble, whose accuracy is {-self.brought.estimate:.3f} higher "
                f"without it (p {self.p:.2g}): look at its labels, or give it the weight 0"
            )
        shown = "" if self.p < LEVEL else "; no difference shown"
        return f"Teacher {self.teacher} brings {self.brought} to the ensemble's accuracy (p {self.p:.2g}{shown})"

    def as_json(self) -> dict[str, Any]:
        """Return the attributes and the verdict as JSON shows them."""
        return {**asdict(self), "harms": self.harms}


def contributions(
    teachers: Mapping[str, Floats],
    weights: Mapping[str, float],
    labels: npt.NDArray[np.int64],
    question_ids: Ids,
    resamples: int,
    seed: int = 0,
) -> list[Contribution]:
    """Return what each of several teachers brings, most valuable first; nothing for a lone one.

    Args:
        teachers: name -> probabilities float [n, C].
        weights: of their votes; teachers that weigh nothing are left out.
        labels: int64 [n]; rows with -1 (no judgement) are passed over.
        question_ids: string [n]; questions are resampled, not rows.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    voting = [name for name in teachers if weights[name]]
    judged = labels >= 0
    if len(voting) < 2 or not judged.any():
        return []
    golden, questions = labels[judged], np.asarray(question_ids, dtype=object)[judged]

    def right(names: list[str]) -> npt.NDArray[np.float64]:
        mean = mean_probabilities([teachers[name][judged] for name in names], [weights[name] for name in names])
        return correct(golden, mean).astype(np.float64)

    whole = right(voting)
    without = {name: right([other for other in voting if other != name]) for name in voting}
    codes = question_codes(questions)
    raw = [p_value(np.bincount(codes, weights=whole - without[name]).astype(np.float64)) for name in voting]
    runs = [Run(questions, {"whole": whole, **without})]
    found = [
        Contribution(name, float(right([name]).mean()), difference(runs, "whole", name, resamples, seed), p)
        for name, p in zip(voting, holm(raw), strict=True)
    ]
    return sorted(found, key=lambda each: -each.brought.estimate)
