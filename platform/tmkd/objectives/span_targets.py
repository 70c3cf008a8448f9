"""What a span reader is to learn from a micro-batch: the labels of Hu et al. (EMNLP 2018), 3.4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import Weighed
from tmkd.tasks.signals import ATTENTION_MAPS, LAST, SPAN_LOGITS


@dataclass(frozen=True)
class SpanTargets(Weighed):
    """What a micro-batch is to learn; places are those of the model's input.

    Attributes:
        golden: int64 [B, 2], first and last place of the answer (-1 = none known), or None without a golden term.
        confusing: int64 [B, 2] of the readers' most confusing answer (-1 = none), or None without that term.
        soft: header -> float [B, L, 2], start and end logits of its readers; -inf outside the window.
        allowed: bool [B, L], where an answer may start and end.
        weight: float [B]; 0 for rows that only fill up a batch.
        context, question: bool [B, L], tokens of either text, or None without an attention term.
        attention: float [B, L, L], the readers' mean: rows of the context's tokens over the question's; else 0.
        weights: term (``golden``, ``answer``, ``soft:NAME``, ``attention``) -> float [B]; 0 for padding rows and where
            its label is missing.
    """

    golden: Tensor | None
    confusing: Tensor | None
    soft: Mapping[str, Tensor]
    allowed: Tensor
    weight: Tensor
    context: Tensor | None = None
    question: Tensor | None = None
    attention: Tensor | None = None
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def signals(self) -> Signals:
        """What the teachers give."""
        looks = {} if self.attention is None else {ATTENTION_MAPS: {LAST: self.attention}}
        return {SPAN_LOGITS: self.soft, **looks}

    def to(self, device: str) -> SpanTargets:
        """Return the same targets on ``device``."""

        def moved(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device)

        return SpanTargets(
            moved(self.golden),
            moved(self.confusing),
            {name: value.to(device) for name, value in self.soft.items()},
            self.allowed.to(device),
            self.weight.to(device),
            moved(self.context),
            moved(self.question),
            moved(self.attention),
            {term: value.to(device) for term, value in self.weights.items()},
        )
