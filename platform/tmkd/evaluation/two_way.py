"""Whether two models differ, with other questions and other seeds in mind.

The analysis of variance for several readers of the same cases (Dorfman, Berbaum and Metz, Investigative Radiology 27,
1992) with the degrees of freedom of Hillis (Statistics in Medicine 26, 2007), where seeds are the readers and questions
the cases. A bootstrap over questions alone takes the seeds that were drawn for all there are: where seeds of equal
models differ by one point of accuracy, it calls every fifth pair of them different.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ROUNDING = 1e-12
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TwoWay:
    """A mean difference and how sure it is.

    Attributes:
        estimate: the mean over seeds and questions.
        error: its standard error, in the unit of the scores.
        freedom: degrees of freedom of Student's t; 0 where there is a single question.
        telling: questions whose difference is not 0.
    """

    estimate: float
    error: float
    freedom: float
    telling: int

    @property
    def p(self) -> float:
        """Two-sided: that there is no difference. Never below what as many coins would give that all fell alike."""
        from scipy.stats import t

        if not self.telling or not self.freedom:
            return 1.0
        alike = 2.0 ** (1 - self.telling)
        if not self.error:
            return alike
        return max(alike, float(2 * t.sf(abs(self.estimate) / self.error, self.freedom)))

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval; infinite for a single question."""
        from scipy.stats import t

        return float(t.ppf(0.975, self.freedom) * self.error) if self.freedom else float("inf")


def two_way(differences: Floats) -> TwoWay:
    """Analyse one model's scores less another's.

    Args:
        differences: float64 [S, Q], a mean a seed and question, of the same size for every question.

    Raises:
        ValueError: without seeds or questions.
    """
    seeds, questions = differences.shape
    if not seeds or not questions:
        raise ValueError("no differences to analyse")
    of_questions, of_seeds = differences.mean(axis=0), differences.mean(axis=1)  # [Q], [S]
    estimate, telling = float(differences.mean()), int((np.abs(of_questions) > ROUNDING).sum())
    if questions == 1:
        return TwoWay(estimate, 0.0, 0.0, telling)
    square_questions = seeds * float(of_questions.var(ddof=1))
    if seeds == 1:
        return TwoWay(estimate, float(np.sqrt(square_questions / questions)), questions - 1.0, telling)
    rest = differences - of_seeds[:, None] - of_questions + estimate
    square_rest = float((rest**2).sum()) / ((seeds - 1) * (questions - 1))
    square_seeds = questions * float(of_seeds.var(ddof=1))
    both = square_seeds + max(square_questions - square_rest, 0.0)
    freedom = (seeds - 1) * (both / square_seeds) ** 2 if square_seeds else questions - 1.0
    return TwoWay(estimate, float(np.sqrt(both / (seeds * questions))), freedom, telling)
