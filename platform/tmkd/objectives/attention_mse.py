"""Attention distillation: Hu et al. (EMNLP 2018), 3.3."""

from __future__ import annotations

import torch
from torch import Tensor


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
