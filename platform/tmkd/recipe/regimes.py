"""The regimes that the paper compares (its Tables 4 to 7): what a student learns from, as recipe values."""

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


def has_two_stages(regime: str) -> bool:
    """Tell whether a regime has a stage 1."""
    return regime != M_O_M and bool(REGIMES[regime]["pretrain"]["enabled"])


def regime_of(two_stages: bool, soft_headers: str, golden_alone: bool) -> str | None:
    """Return the regime that a recipe's own values are; None if they are none of them, as with one teacher by name."""
    if golden_alone and not two_stages:
        return "golden"
    others = {name: values for name, values in REGIMES.items() if name != "golden"}
    found = {(has_two_stages(name), values["student"]["soft_headers"]): name for name, values in others.items()}
    return found.get((two_stages, soft_headers))


def with_regime(tree: Mapping[str, Any], regime: str) -> Tree:
    """Return a recipe's tree with the values that a regime stands for in place of its own.

    Where stage 2 starts from another corpus's student, that is the stage 1 of regimes of two stages; the others start
    from the base and take as long as stage 2 does.
    """
    merged = _merged(tree, REGIMES[regime])
    if (tree.get("finetune") or {}).get("starts_from"):
        merged["pretrain"]["enabled"] = merged["finetune"]["steps_of_both"] = False
        if not has_two_stages(regime):
            merged["finetune"]["starts_from"] = None
    return merged


def has_groups(tree: Mapping[str, Any]) -> bool:
    """Tell whether the groups that a regime sets are mappings, as they are in a recipe that can be right."""
    return all(isinstance(tree.get(key), Mapping | None) for key in ("pretrain", "finetune", "student"))


def _merged(tree: Mapping[str, Any], values: Mapping[str, Any]) -> Tree:
    merged = dict(tree)
    for key, value in values.items():
        below = merged.get(key)
        merged[key] = _merged(below if isinstance(below, Mapping) else {}, value) if isinstance(value, dict) else value
    return merged
