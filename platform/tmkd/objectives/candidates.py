"""Which rows of a batch are candidates of one question, for the objectives that compare them."""

from __future__ import annotations

import torch
from torch import Tensor


def rivals(question: Tensor, weight: Tensor) -> Tensor:
    """Return how much each other candidate of its question counts for a row: its weight ÷ the weights of all of them.

    Args:
        question: int64 [B]; rows of the same number are candidates of one question.
        weight: float [B]; 0 for rows that count for nothing.

    Returns:
        float [B, B]; a row sums to 1, or to 0 where the question has no other candidate.
    """
    same = (question[:, None] == question[None, :]) & ~torch.eye(len(question), dtype=torch.bool, device=weight.device)
    shares = same * weight[None, :]  # [B, B]
    return shares / shares.sum(dim=1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)


def relevance(logits: Tensor) -> Tensor:
    """Return the score that two-class logits [B, 2] rank by, [B]: the log-odds of the second class."""
    return logits[:, 1] - logits[:, 0]
