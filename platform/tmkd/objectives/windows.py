"""Where an answer may lie in a micro-batch of windows."""

from __future__ import annotations

from torch import Tensor


def within(logits: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Return start and end logits, -inf where no answer may lie; rows that allow nothing stay as they are.

    Args:
        logits: float [B, L, 2].
        allowed: bool [B, L].

    Returns:
        float [B, L] each.
    """
    keep = allowed | ~allowed.any(dim=1, keepdim=True)
    start, end = logits.masked_fill(~keep.unsqueeze(-1), float("-inf")).unbind(dim=-1)
    return start, end
