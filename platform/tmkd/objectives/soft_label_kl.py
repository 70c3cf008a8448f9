"""Kullback-Leibler divergence at a temperature: Hinton, Vinyals and Dean (2015), "Distilling the knowledge …"."""

from __future__ import annotations

import torch
from torch import Tensor


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
