"""Values of a stage's objectives that enter its identity, as they were before objectives were a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tmkd.identity import identity_values
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.compose import main_terms
from tmkd.objectives.registry import SOFT_OBJECTIVES

WEIGHT_ALONE = ("cross_entropy", "span_cross_entropy", "span_kl", "answer_margin", "attention_mse")
"""Objectives whose hyper-parameters are in `Reading`, or that have none."""


def objective_values(configs: Sequence[ObjectiveConfig]) -> dict[str, Any]:
    """Return the weights of the terms, and name and temperature of the first soft objective of pairs.

    What this flat form cannot hold, a second soft objective or one that came later, is listed under ``objectives``.
    A flat value is never edited: models that were finished by it would become stale.
    """
    golden = any(config.kind().needs_golden for config in configs)
    values: dict[str, Any] = {"golden": golden, "weights": {}, "soft_objective": "mse", "temperature": 1.0}
    later: list[dict[str, Any]] = []
    has_soft = False
    for term, config in zip(main_terms(configs), configs, strict=True):
        own = identity_values(config)
        if config.name in WEIGHT_ALONE:
            values["weights"][term] = config.weight
        elif config.name in SOFT_OBJECTIVES and not has_soft and set(own) <= {"name", "weight", "temperature"}:
            has_soft = True
            values["weights"][term] = config.weight
            values["soft_objective"], values["temperature"] = config.name, own.get("temperature", 1.0)
        else:
            later.append(own)
    return {**values, **({"objectives": later} if later else {})}
