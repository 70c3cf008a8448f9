"""Cross-entropy of who is better: Burges et al. (ICML 2005), "Learning to rank using gradient descent", Eq. (3)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.candidates import relevance, rivals
from tmkd.objectives.soft import SoftObjective


class RankNetConfig(ObjectiveConfig):
    """Cross-entropy of which of two candidates of a question is better."""

    name: Literal["ranknet"] = "ranknet"

    @classmethod
    def kind(cls) -> type[Objective]:
        return RankNet


class RankNet(SoftObjective):
    """`ranknet` of every header's log-odds of the second class."""

    compares = True

    def rows(self, student: Tensor, teacher: Tensor, question: Tensor | None, weight: Tensor) -> Tensor:
        assert question is not None
        return ranknet(relevance(student), relevance(teacher), question, weight)


def ranknet(student: Tensor, teacher: Tensor, question: Tensor, weight: Tensor) -> Tensor:
    """Return for each row the mean over its question's other candidates j of ``KL(Q_ij || P_ij)``.

    ``P_ij = sigmoid(s_i - s_j)`` is the student's probability that candidate i is better than j, ``Q_ij`` is the
    teacher's. The paper's cross-entropy less the entropy of Q, which teaches nothing: zero where both agree.

    When to use it: for ranking, where the teachers' scores have no common scale or only their order is to be trusted.
    Two candidates that the teacher is sure about teach little once the student is, too.

    Args:
        student: float [B], the student's scores.
        teacher: float [B], the teacher's.
        question: int64 [B]; rows of the same number are candidates of one question.
        weight: float [B]; 0 for rows that count for nothing.

    Returns:
        float [B]; 0 where a question has one candidate.

    Example:
        >>> import torch
        >>> ranknet(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 2.0]), torch.zeros(2).long(), torch.ones(2))
        tensor([0.3279, 0.3279])
    """
    s, t = (scores[:, None] - scores[None, :] for scores in (student, teacher))  # [B, B] each
    log_p, log_not_p = (torch.nn.functional.logsigmoid(sign * s) for sign in (1, -1))
    log_q, log_not_q = (torch.nn.functional.logsigmoid(sign * t) for sign in (1, -1))
    divergence = log_q.exp() * (log_q - log_p) + log_not_q.exp() * (log_not_q - log_not_p)
    return (rivals(question, weight) * divergence).sum(dim=1)
