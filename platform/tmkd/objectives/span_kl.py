"""Distillation of start and end distributions at a temperature: Hu et al. (EMNLP 2018), 2.2 and 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import SOFT, soft_term, soft_terms
from tmkd.objectives.windows import within
from tmkd.tasks.signals import SPAN_LOGITS


class SpanKlConfig(ObjectiveConfig):
    """Kullback-Leibler divergence of start and end probabilities."""

    name: Literal["span_kl"] = "span_kl"
    temperature: float = Field(
        1.0, ge=0.01, le=1000, description="tau, by which both sides' logits are divided; readers are averaged at it"
    )

    @classmethod
    def kind(cls) -> type[Objective]:
        return SpanKl


class SpanKl(Objective):
    """Term ``soft``: the mean over headers of `span_kl`, start and end together.

    ``soft:NAME`` is each header's own, which is logged but not weighed again.
    """

    config: SpanKlConfig
    needs_student = frozenset({SPAN_LOGITS})
    needs_teacher = frozenset({SPAN_LOGITS})
    term = SOFT

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return soft_terms(headers)

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        tau = self.config.temperature
        for header, teacher in signals[SPAN_LOGITS].items():
            start, end = within(student[SPAN_LOGITS][header], targets.allowed)
            rows = span_kl(start, teacher[..., 0], tau) + span_kl(end, teacher[..., 1], tau)
            terms[soft_term(header)] = (rows * targets.of(soft_term(header))).sum()
        return {**terms, SOFT: torch.stack(list(terms.values())).mean()}


def span_kl(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """Return ``tau^2 KL(q || p)`` of one pointer for each row, q and p being the softmax of logits / tau.

    The paper writes the cross-entropy of q and p; less the entropy of q, which teaches nothing, it is zero where
    student and teacher agree. Its weight lambda = tau^2 is part of the loss, so that gradients keep their size.

    When to use it: the default for spans. A higher temperature says more about the second-best places.

    Args:
        student: float [B, L] logits of a start or end header; -inf where there is no token of the context.
        teacher: float [B, L] logits of its teacher on the same tokens; -inf at least where the student's are.
        temperature: tau > 0.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> span_kl(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, float("-inf")]]))
        tensor([0.6931])
    """
    log_p = torch.log_softmax(student / temperature, dim=-1)  # [B, L]
    log_q = torch.log_softmax(teacher / temperature, dim=-1)
    q = log_q.exp()
    # Where q is 0 its term is 0, not 0 * inf; the mask keeps that out of the gradient, too.
    difference = (log_q - log_p).masked_fill(q == 0, 0.0)
    return temperature**2 * (q * difference).sum(dim=-1)
