"""Distillation of start and end distributions at a temperature: Hu et al. (EMNLP 2018), 2.2 and 3.1."""

from __future__ import annotations

import torch
from torch import Tensor


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
