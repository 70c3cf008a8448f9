"""Cross-entropy with the golden label, teacher T0: Yang et al. (WSDM 2020), Eq. (1) and (2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def golden_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Return ``-log P(label)`` for each row.

    Args:
        logits: float [B, C] of the golden header.
        label: int64 [B], class indices; a row of -1 has no golden label and gives 0.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> golden_cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
        tensor([0.6931])
    """
    return F.cross_entropy(logits, label, ignore_index=-1, reduction="none")
