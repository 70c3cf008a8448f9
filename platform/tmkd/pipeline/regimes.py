"""The regimes that the paper compares (its Tables 4, 5 and 6): what a student learns from, as recipe values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tmkd.config import Tree

Regime = Literal["golden", "1-o-1", "1avg-o-1", "mkd", "tkd", "tkd_avg", "tmkd"]
"""Regimes of one student; `M_O_M` has several."""
M_O_M = "m-o-m"
"""One student a teacher, each as in ``1-o-1``, whose probabilities are averaged."""

_ONE_STAGE: dict[str, Any] = {"pretrain": {"enabled": False}, "finetune": {"steps_of_both": True}}
_TWO_STAGES: dict[str, Any] = {"pretrain": {"enabled": True}, "finetune": {"steps_of_both": False}}


def _regime(stages: Mapping[str, Any], soft_headers: str, **finetune: float) -> Tree:
    return {
        **stages,
        "finetune": {**stages["finetune"], **finetune},
        "student": {"soft_headers": soft_headers},
    }


REGIMES: dict[str, Tree] = {
    "golden": _regime(_ONE_STAGE, "each", alpha=0.0),
    "1-o-1": _regime(_ONE_STAGE, "best"),
    "1avg-o-1": _regime(_ONE_STAGE, "mean"),
    "mkd": _regime(_ONE_STAGE, "each"),
    "tkd": _regime(_TWO_STAGES, "best"),
    "tkd_avg": _regime(_TWO_STAGES, "mean"),
    "tmkd": _regime(_TWO_STAGES, "each"),
}
"""What each regime sets; those of one stage take as many optimiser steps as both stages, or the comparison would be of
steps."""


def with_regime(tree: Mapping[str, Any], regime: str) -> Tree:
    """Return a recipe's tree with the values that a regime stands for in place of its own."""
    return _merged(tree, REGIMES[regime])


def _merged(tree: Mapping[str, Any], values: Mapping[str, Any]) -> Tree:
    merged = dict(tree)
    for key, value in values.items():
        below = merged.get(key)
        merged[key] = _merged(below if isinstance(below, Mapping) else {}, value) if isinstance(value, dict) else value
    return merged
