"""Answer distillation, the margin over the most confusing answer: Hu et al. (EMNLP 2018), 3.2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import ANSWER, GOLDEN
from tmkd.tasks.signals import SPAN_LOGITS


class AnswerMarginConfig(ObjectiveConfig):
    """Margin of the golden answer over the readers' most confusing one."""

    name: Literal["answer_margin"] = "answer_margin"
    candidates: int = Field(
        4, ge=1, le=1000, description="of each teacher's best answers, those that may mislead it most"
    )

    @classmethod
    def kind(cls) -> type[Objective]:
        return AnswerMargin


class AnswerMargin(Objective):
    """Term ``answer``, of the golden header's logits."""

    needs_student = frozenset({SPAN_LOGITS})
    needs_teacher = frozenset({SPAN_LOGITS})
    needs_golden = True
    term = ANSWER

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return {ANSWER: [ANSWER]}

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        start, end = student[SPAN_LOGITS][GOLDEN].unbind(dim=-1)
        margin = answer_margin(start, end, targets.golden, targets.confusing)
        return {ANSWER: (margin * targets.of(ANSWER)).sum()}


def answer_margin(start: Tensor, end: Tensor, golden: Tensor, confusing: Tensor) -> Tensor:
    """Return ``max(0, 1 - b1_k + b1_i) + max(0, 1 - b2_l + b2_j)`` for each row.

    When to use it: where teachers fall for distractors, as in adversarial passages. It asks the student to score the
    ends of the golden answer (k, l) above those of the teachers' most confusing one (i, j) by 1.

    Args:
        start: float [B, L], logits before any softmax.
        end: float [B, L].
        golden: int64 [B, 2], first and last token of the golden answer; -1 where there is none.
        confusing: int64 [B, 2], the same of the confusing answer; -1 where the teachers have none to warn of.

    Returns:
        float [B]; 0 for a row without either answer.

    Example:
        >>> import torch
        >>> answer_margin(torch.tensor([[2.0, 1.5]]), torch.zeros(1, 2), torch.tensor([[0, 0]]), torch.tensor([[1, 1]]))
        tensor([1.5000])
    """
    both = (golden >= 0).all(dim=1) & (confusing >= 0).all(dim=1)  # [B]
    loss = torch.zeros_like(start[:, 0])
    for logits, pointer in ((start, 0), (end, 1)):
        right = logits.gather(1, golden[:, pointer : pointer + 1].clamp(min=0)).squeeze(1)  # [B]
        wrong = logits.gather(1, confusing[:, pointer : pointer + 1].clamp(min=0)).squeeze(1)
        loss = loss + torch.where(both, torch.relu(1 - right + wrong), 0.0)
    return loss
