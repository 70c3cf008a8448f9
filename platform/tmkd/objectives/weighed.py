"""Weights of a micro-batch's rows: one tensor for rows that are only padding, one per term for what is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor

GOLDEN, SOFT, ANSWER, ATTENTION = "golden", "soft", "answer", "attention"
"""Terms of the loss; but for ``soft``, whose headers have one each, also the labels that rows may lack."""


def soft_term(header: str) -> str:
    """Return the name of a header's own soft term; a golden header that learns soft labels has both."""
    return header if header != GOLDEN else f"soft:{GOLDEN}"


def soft_terms(headers: Sequence[str]) -> dict[str, list[str]]:
    """Return the terms of an objective on soft labels, each with its labels: one per header, and their mean."""
    each = [soft_term(header) for header in headers]
    return {**{label: [label] for label in each}, SOFT: each}


class Weighed:
    """Base of targets: a dataclass with ``weight`` float [B] and ``weights``, term -> float [B]."""

    weight: Tensor
    weights: Mapping[str, Tensor]

    def of(self, term: str) -> Tensor:
        """Return the weights of a term's rows, float [B]; those of the padding where the term has none of its own."""
        return self.weights.get(term, self.weight)

    def scaled(self, factors: Mapping[str, float]) -> Self:
        """Return the same targets with the weights of some terms multiplied by a factor."""
        weights = {**self.weights, **{term: self.of(term) * factor for term, factor in factors.items() if factor != 1}}
        changed: dict[str, Any] = {"weights": weights}
        return dataclasses.replace(self, **changed)  # type: ignore[type-var]
