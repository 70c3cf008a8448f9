"""Poolings of sentence-transformers: from the states of a text's tokens to one vector.

The same sums as ``sentence_transformers.sentence_transformer.modules.Pooling``, for padding on the right.
"""

from __future__ import annotations

import torch
from torch import Tensor


def pool(mode: str, hidden: Tensor, mask: Tensor) -> Tensor:
    """Return one vector per text.

    Args:
        mode: see `tmkd.teachers.sentence_folder.MODES`.
        hidden: float32 [B, L, H].
        mask: int64 [B, L], 1 for tokens, 0 for padding after them.

    Returns:
        float32 [B, H].
    """
    weights = mask.unsqueeze(-1).float()  # [B, L, 1]
    if mode == "cls":
        return hidden[:, 0]
    if mode == "lasttoken":
        last = (mask.sum(1) - 1).clamp(min=0)[:, None, None].expand(-1, 1, hidden.shape[2])  # [B, 1, H]
        return hidden.gather(1, last).squeeze(1)
    if mode == "max":
        return hidden.masked_fill(weights == 0, torch.finfo(hidden.dtype).min).max(1).values
    if mode == "weightedmean":
        weights = weights * weights.cumsum(1)  # the n-th token counts n times
    total = (hidden * weights).sum(1)
    count = weights.sum(1).clamp(min=1)
    return total / (count.sqrt() if mode == "mean_sqrt_len_tokens" else count)
