"""Mean squared error on logits: Yang et al. (WSDM 2020), Eq. (4)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.soft import SoftObjective


class MseConfig(ObjectiveConfig):
    """Squared error on logits."""

    name: Literal["mse"] = "mse"

    @classmethod
    def kind(cls) -> type[Objective]:
        return SoftLabelMse


class SoftLabelMse(SoftObjective):
    """`soft_label_mse` of every header."""

    def rows(self, student: Tensor, teacher: Tensor, question: Tensor | None, weight: Tensor) -> Tensor:
        return soft_label_mse(student, teacher)


def soft_label_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return ``1/|C| sum_c (R_s(c) - R_t(c))^2`` for each row.

    When to use it: the default. It needs the teacher's logits, and with plenty of pairs it is as good as any
    relative loss; it is zero only at equality of the logits, so teachers should be of one scale.

    Args:
        student: float [B, C], logits of the soft header before normalisation.
        teacher: float [B, C], logits of its teacher.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> soft_label_mse(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 2.0]]))
        tensor([0.5000])
    """
    return (student - teacher).square().mean(dim=-1)
