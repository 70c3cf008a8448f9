"""Attention distillation: Hu et al. (EMNLP 2018), 3.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import ATTENTION
from tmkd.tasks.signals import ATTENTION_MAPS, LAST


class AttentionMseConfig(ObjectiveConfig):
    """Squared error of where the context's tokens look in the question."""

    name: Literal["attention_mse"] = "attention_mse"

    @classmethod
    def kind(cls) -> type[Objective]:
        return AttentionMse


class AttentionMse(Objective):
    """Term ``attention``, of the last layer."""

    needs_student = frozenset({ATTENTION_MAPS})
    needs_teacher = frozenset({ATTENTION_MAPS})
    term = ATTENTION

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return {ATTENTION: [ATTENTION]}

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        looks = question_attention(student[ATTENTION_MAPS][LAST].float(), targets.context, targets.question)
        rows = attention_mse(looks, signals[ATTENTION_MAPS][LAST])  # looks: [B, L, L]
        return {ATTENTION: (rows * targets.of(ATTENTION)).sum()}


def attention_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Return ``1/2 sum_j ||D_j - E_j||^2`` over the passage's tokens j for each row.

    When to use it: teachers and student share a tokenizer, and the student should look where the teachers look. It
    grows with the length of the passage; the paper weighs it by 0.1.

    Args:
        student: float [B, M, N], E: of every passage token its distribution over the question's tokens; 0 in padding.
        teacher: float [B, M, N], D.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> attention_mse(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.5, 0.5]]]))
        tensor([0.2500])
    """
    return (student - teacher).square().sum(dim=(1, 2)) / 2


def question_attention(attention: Tensor, passage: Tensor, question: Tensor) -> Tensor:
    """Return how every passage token's attention is divided among the question's tokens, mean over heads.

    Args:
        attention: float [B, H, L, L], a layer's self-attention; rows sum to 1 over all tokens.
        passage: bool [B, L], tokens of the passage.
        question: bool [B, L], tokens of the question.

    Returns:
        float [B, L, L]: rows of the passage's tokens sum to 1 over the question's; all else is 0.
    """
    among = attention * question[:, None, None, :]  # [B, H, L, L]
    share = among / among.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(attention.dtype).tiny)
    return share.mean(dim=1) * passage[:, :, None]  # [B, L, L]
