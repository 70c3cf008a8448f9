"""Squared error of score differences: Hofstätter et al. (2020), "Improving efficient neural ranking models …"."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.candidates import relevance, rivals
from tmkd.objectives.soft import SoftObjective


class MarginMseConfig(ObjectiveConfig):
    """Squared error of score differences between a question's candidates."""

    name: Literal["margin_mse"] = "margin_mse"

    @classmethod
    def kind(cls) -> type[Objective]:
        return MarginMse


class MarginMse(SoftObjective):
    """`margin_mse` of every header's log-odds of the second class."""

    compares = True

    def rows(self, student: Tensor, teacher: Tensor, question: Tensor | None, weight: Tensor) -> Tensor:
        assert question is not None
        return margin_mse(relevance(student), relevance(teacher), question, weight)


def margin_mse(student: Tensor, teacher: Tensor, question: Tensor, weight: Tensor) -> Tensor:
    """Return for each row the mean over its question's other candidates j of ``((s_i - s_j) - (t_i - t_j))^2``.

    The paper takes a positive and a negative passage; here every two candidates of a question are compared.

    When to use it: for ranking, with several candidates a question. What a question's scores have in common is left
    free, so that the student spends itself on their order and distances; its probabilities mean nothing afterwards.

    Args:
        student: float [B], the student's scores.
        teacher: float [B], the teacher's.
        question: int64 [B]; rows of the same number are candidates of one question.
        weight: float [B]; 0 for rows that count for nothing.

    Returns:
        float [B]; 0 where a question has one candidate.

    Example:
        >>> import torch
        >>> margin_mse(torch.tensor([0.0, 1.0]), torch.tensor([5.0, 8.0]), torch.zeros(2).long(), torch.ones(2))
        tensor([4., 4.])
    """
    error = student - teacher  # [B]
    return (rivals(question, weight) * (error[:, None] - error[None, :]).square()).sum(dim=1)
