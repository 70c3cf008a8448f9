"""What a span reader is to learn, and the named terms of its loss: the joint objective of Hu et al. (2018), 3.4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tmkd.objectives.answer_margin import answer_margin
from tmkd.objectives.attention_mse import attention_mse, question_attention
from tmkd.objectives.span_cross_entropy import span_cross_entropy
from tmkd.objectives.span_kl import span_kl
from tmkd.objectives.weighed import GOLDEN, Weighed, soft_term

ANSWER = "answer"
ATTENTION = "attention"
"""Beside the headers' logits: the last layer's self-attention, float [B, H, L, L]."""


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


def span_terms(logits: Mapping[str, Tensor], targets: SpanTargets, temperature: float) -> dict[str, Tensor]:
    """Return the sum over the rows of each named term.

    ``golden`` is the cross-entropy of the golden header, ``answer`` its margin over the confusing answer; ``soft`` the
    mean over headers of vanilla distillation at ``temperature``, start and end together; ``soft:NAME`` is each
    header's own, which is logged but not weighed again; ``attention`` is how far the model looks elsewhere.

    Args:
        logits: header -> float [B, L, 2]; and `ATTENTION` where the targets have one.
        targets: what to learn.
        temperature: tau of the soft terms.
    """
    terms: dict[str, Tensor] = {}
    if targets.golden is not None:
        start, end = _within(logits[GOLDEN], targets.allowed)
        terms["golden"] = (span_cross_entropy(start, end, targets.golden) * targets.of(GOLDEN)).sum()
        if targets.confusing is not None:
            start, end = logits[GOLDEN].unbind(dim=-1)
            margin = answer_margin(start, end, targets.golden, targets.confusing)
            terms[ANSWER] = (margin * targets.of(ANSWER)).sum()
    for header, teacher in targets.soft.items():
        start, end = _within(logits[header], targets.allowed)
        rows = span_kl(start, teacher[..., 0], temperature) + span_kl(end, teacher[..., 1], temperature)
        terms[soft_term(header)] = (rows * targets.of(soft_term(header))).sum()
    if targets.soft:
        terms["soft"] = torch.stack([v for k, v in terms.items() if k.startswith("soft:")]).mean()
    if targets.attention is not None and targets.context is not None and targets.question is not None:
        looks = question_attention(logits[ATTENTION].float(), targets.context, targets.question)  # [B, L, L]
        terms[ATTENTION] = (attention_mse(looks, targets.attention) * targets.of(ATTENTION)).sum()
    return terms


def _within(logits: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Return start and end logits [B, L], -inf where no answer may lie; rows that allow nothing stay as they are."""
    keep = allowed | ~allowed.any(dim=1, keepdim=True)
    start, end = logits.masked_fill(~keep.unsqueeze(-1), float("-inf")).unbind(dim=-1)
    return start, end
