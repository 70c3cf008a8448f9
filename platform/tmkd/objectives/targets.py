"""What a classifier of pairs is to learn from a micro-batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import Weighed
from tmkd.tasks.signals import CLASS_LOGITS


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

    @property
    def signals(self) -> Signals:
        """What the teachers give."""
        return {CLASS_LOGITS: self.soft}

    def to(self, device: str) -> Targets:
        """Return the same targets on ``device``."""
        golden, question = (None if value is None else value.to(device) for value in (self.golden, self.question))
        soft, weights = (
            {name: value.to(device) for name, value in named.items()} for named in (self.soft, self.weights)
        )
        return Targets(golden, soft, self.weight.to(device), question, weights)
