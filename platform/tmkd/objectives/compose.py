"""The objectives of a stage as one module: their named terms, and the one number that is minimised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from tmkd.objectives.base import ObjectiveConfig, Setting
from tmkd.objectives.signals import Signals


class Objectives(nn.Module):
    """Objectives in the order of their list, each once.

    Terms are named by the first objective that has them; those of a later one with the same names begin with its own
    name: after ``mse`` the terms of ``kl`` are ``kl`` and ``kl:NAME``.

    Args:
        configs: one per objective.
        setting: what they are built for.
    """

    def __init__(self, configs: Sequence[ObjectiveConfig], setting: Setting) -> None:
        super().__init__()
        self.each = nn.ModuleList(config.build(setting) for config in configs)
        self._usual = [config.kind().term for config in configs]
        self.weights = {term: config.weight for term, config in zip(main_terms(configs), configs, strict=True)}

    def forward(self, student: Signals, targets: Any) -> dict[str, Tensor]:
        """Return the sum over the rows of every named term."""
        terms: dict[str, Tensor] = {}
        for main, usual, objective in zip(self.weights, self._usual, self.each, strict=True):
            found = objective(student, targets.signals, targets)
            terms |= {_named(term, main, usual): value for term, value in found.items()}
        return terms

    @property
    def owns_parameters(self) -> bool:
        """Whether any of them has parameters of its own."""
        return next(self.parameters(), None) is not None


def main_terms(configs: Sequence[ObjectiveConfig]) -> list[str]:
    """Return the term of each objective that its weight multiplies."""
    found: list[str] = []
    for config in configs:
        term = config.kind().term
        found.append(config.name if term in found else term)
    return found


def learned_terms(configs: Sequence[ObjectiveConfig], headers: Sequence[str]) -> dict[str, list[str]]:
    """Return each term with the labels that it learns from.

    Args:
        configs: the objectives of a stage.
        headers: those with soft labels.
    """
    found: dict[str, list[str]] = {}
    for main, config in zip(main_terms(configs), configs, strict=True):
        kind = config.kind()
        found |= {_named(term, main, kind.term): labels for term, labels in kind.learns_from(headers).items()}
    return found


def learned_labels(configs: Sequence[ObjectiveConfig], headers: Sequence[str]) -> set[str]:
    """Return the labels that any objective learns from."""
    return {label for labels in learned_terms(configs, headers).values() for label in labels}


def learns_headers(configs: Sequence[ObjectiveConfig]) -> bool:
    """Tell whether any objective learns from the soft labels of headers."""
    return "any" in learned_labels(configs, ["any"])


def combine(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """Return the weighted sum of terms; with ``{"golden": 1 - a, "soft": a}`` it is Eq. (5)."""
    return torch.stack([terms[name] * weight for name, weight in weights.items()]).sum()


def _named(term: str, main: str, usual: str) -> str:
    """Return the name of an objective's term; ``main`` differs from its ``usual`` one where that was taken."""
    if main == usual:
        return term
    return main if term == usual else f"{main}:{term.removeprefix(f'{usual}:')}"
