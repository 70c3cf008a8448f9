"""Kullback-Leibler divergence at a temperature: Hinton, Vinyals and Dean (2015), "Distilling the knowledge …"."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.soft import SoftObjective


class KlConfig(ObjectiveConfig):
    """Kullback-Leibler divergence of class probabilities."""

    name: Literal["kl"] = "kl"
    temperature: float = Field(1.0, ge=0.01, le=1000, description="tau, by which both sides' logits are divided")

    @classmethod
    def kind(cls) -> type[Objective]:
        return SoftLabelKl


class SoftLabelKl(SoftObjective):
    """`soft_label_kl` of every header."""

    config: KlConfig

    def rows(self, student: Tensor, teacher: Tensor, question: Tensor | None, weight: Tensor) -> Tensor:
        return soft_label_kl(student, teacher, self.config.temperature)


def soft_label_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``tau^2 KL(q || p)`` for each row: q, p = softmax of the teacher's and the student's logits / tau.

    When to use it: where teachers' logits are of different scales or were fitted as probabilities. It is zero wherever
    the probabilities agree, whatever is added to all logits of a row. The higher the temperature, the more it is like
    the squared error on centred logits.

    Args:
        student: float [B, C], logits of the soft header.
        teacher: float [B, C], logits of its teacher.
        temperature: tau > 0; the factor tau^2 keeps the size of the gradients.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> soft_label_kl(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 2.0]]))
        tensor([0.3279])
    """
    log_p = torch.log_softmax(student / temperature, dim=-1)  # [B, C]
    log_q = torch.log_softmax(teacher / temperature, dim=-1)
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum(dim=-1)
