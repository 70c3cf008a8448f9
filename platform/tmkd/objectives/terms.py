"""From per-row losses to one number: named terms, their weights, and a reduction that ignores how a step is cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tmkd.objectives.golden_cross_entropy import golden_cross_entropy

RowLoss = Callable[[Tensor, Tensor], Tensor]
GOLDEN = "golden"


@dataclass(frozen=True)
class Targets:
    """What a micro-batch is to learn.

    Attributes:
        golden: int64 [B] class indices (-1 = none), or None where the stage has no golden term.
        soft: header name -> float [B, C] logits of its teacher (or of the mean of several).
        weight: float [B]; 0 for rows that only fill up a batch.
    """

    golden: Tensor | None
    soft: Mapping[str, Tensor]
    weight: Tensor

    def to(self, device: str) -> Targets:
        """Return the same targets on ``device``."""
        golden = None if self.golden is None else self.golden.to(device)
        return Targets(golden, {name: value.to(device) for name, value in self.soft.items()}, self.weight.to(device))


def weighted_terms(logits: Mapping[str, Tensor], targets: Targets, soft_loss: RowLoss) -> dict[str, Tensor]:
    """Return the sum over the rows of each named term.

    ``golden`` is l_g of Eq. (2); ``soft`` is l_s of Eq. (4), the mean over headers; ``soft:NAME`` is each header's
    own l_si, which is logged but not weighed again.
    """
    terms: dict[str, Tensor] = {}
    if targets.golden is not None:
        terms["golden"] = (golden_cross_entropy(logits[GOLDEN], targets.golden) * targets.weight).sum()
    for header, teacher in targets.soft.items():
        terms[header if header != GOLDEN else "soft:golden"] = (
            soft_loss(logits[header], teacher) * targets.weight
        ).sum()
    if targets.soft:
        terms["soft"] = torch.stack([v for k, v in terms.items() if k.startswith("soft:")]).mean()
    return terms


def combine(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the weighted sum of terms; with ``{"golden": 1 - a, "soft": a}`` it is Eq. (5)."""
    return torch.stack([terms[name] * weight for name, weight in weights.items()]).sum()
