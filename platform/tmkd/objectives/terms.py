"""From per-row losses to one number: named terms, their weights, and a reduction that ignores how a step is cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tmkd.objectives.golden_cross_entropy import golden_cross_entropy
from tmkd.objectives.weighed import GOLDEN, Weighed, soft_term

RowLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A header's logits [B, C], its teacher's, and the weights of its rows [B] -> the loss of each row, [B]."""


@dataclass(frozen=True)
class Targets(Weighed):
    """What a micro-batch is to learn.

    Attributes:
        golden: int64 [B] class indices (-1 = none), or None where the stage has no golden term.
        soft: header name -> float [B, C] logits of its teacher (or of the mean of several).
        weight: float [B]; 0 for rows that only fill up a batch.
        question: int64 [B], the same number for candidates of one question; None where nobody compares them.
        weights: term (``golden``, ``soft:NAME``) -> float [B]; 0 for padding rows and where its label is missing.
    """

    golden: Tensor | None
    soft: Mapping[str, Tensor]
    weight: Tensor
    question: Tensor | None = None
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    def to(self, device: str) -> Targets:
        """Return the same targets on ``device``."""
        golden, question = (None if value is None else value.to(device) for value in (self.golden, self.question))
        soft, weights = (
            {name: value.to(device) for name, value in named.items()} for named in (self.soft, self.weights)
        )
        return Targets(golden, soft, self.weight.to(device), question, weights)


def weighted_terms(
    logits: Mapping[str, Tensor],
    targets: Targets,
    soft_loss: RowLoss,
    header_weights: Mapping[str, float] | None = None,
) -> dict[str, Tensor]:
    """Return the sum over the rows of each named term.

    ``golden`` is l_g of Eq. (2); ``soft`` is l_s of Eq. (4), the mean over headers (weighed by ``header_weights``, 1
    for any other); ``soft:NAME`` is each header's own l_si, which is logged but not weighed again. Every term sums over
    the rows that it has a label for, by the weights of `Targets`.
    """
    terms: dict[str, Tensor] = {}
    if targets.golden is not None:
        terms["golden"] = (golden_cross_entropy(logits[GOLDEN], targets.golden) * targets.of(GOLDEN)).sum()
    if not targets.soft:
        return terms
    weights = {header: (header_weights or {}).get(header, 1.0) for header in targets.soft}
    weighed = []
    for header, teacher in targets.soft.items():
        rows = targets.of(soft_term(header))
        term = (soft_loss(logits[header], teacher, rows) * rows).sum()
        terms[soft_term(header)] = term
        weighed.append(term * weights[header])
    return {**terms, "soft": torch.stack(weighed).sum() / sum(weights.values())}


def combine(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the weighted sum of terms; with ``{"golden": 1 - a, "soft": a}`` it is Eq. (5)."""
    return torch.stack([terms[name] * weight for name, weight in weights.items()]).sum()
