"""Stages with other values, by the names of the values alone, whichever part of a specification they are in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.attention_mse import AttentionMseConfig
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.compose import main_terms
from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.registry import OBJECTIVES, SOFT_OBJECTIVES
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Reading, Start

PARTS = {"data": Data, "start": Start}
ALIASES = {"starts_from": "folder"}


def changed(stage: Stage, **changes: Any) -> Stage:
    """Return a stage in which ``changes`` replace any of its values.

    ``golden``, ``weights``, ``soft_objective`` and ``temperature`` stand for objectives, see `objectives`.
    """
    own = {name: changes.pop(name) for name in ("output", "tracked") if name in changes}
    return dataclasses.replace(stage, spec=changed_spec(stage.spec, **changes), **own)


def changed_spec(spec: StageSpec, **changes: Any) -> StageSpec:
    """Return a specification in which ``changes`` replace any of its values."""
    changes = {ALIASES.get(name, name): value for name, value in changes.items()}
    for part, kind in PARTS.items():
        names = [each.name for each in dataclasses.fields(kind) if each.name in changes]
        if names:
            inner = {name: changes.pop(name) for name in names}
            changes[part] = dataclasses.replace(getattr(spec, part), **inner)
    flat = _flat(spec)
    asked = {name: changes.pop(name) for name in flat if name in changes}
    made = dataclasses.replace(spec, **changes)
    if not asked and not {"reading", "signals"} & changes.keys():
        return made
    return dataclasses.replace(made, objectives=objectives(made, **flat | asked))


def objectives(
    spec: StageSpec, golden: bool, weights: Mapping[str, float], soft_objective: str = "mse", temperature: float = 1.0
) -> tuple[ObjectiveConfig, ...]:
    """Return the objectives of a stage by the weights of their terms; golden labels weigh 1 unless they are named."""
    reading = spec.reading
    named = {**({"golden": 1.0} if golden and "golden" not in weights else {}), **weights}
    kinds: dict[str, Any] = {
        "golden": (SpanCrossEntropyConfig if reading else CrossEntropyConfig, {}),
        "soft": _soft(reading, soft_objective, temperature),
        "answer": (AnswerMarginConfig, {}),
        "attention": (AttentionMseConfig, {}),
    }
    is_learned = {
        "golden": golden,
        "soft": bool(spec.signals),
        "answer": golden and reading is not None and reading.confusing is not None,
        "attention": reading is not None and reading.attention is not None,
    }
    chosen = [(kinds[term], weight) for term, weight in named.items() if is_learned[term]]
    return tuple(kind(weight=weight, **more) for (kind, more), weight in chosen)


def _soft(
    reading: Reading | None, objective: str, temperature: float
) -> tuple[type[ObjectiveConfig], dict[str, float]]:
    if reading:
        return SpanKlConfig, {"temperature": reading.temperature}
    return OBJECTIVES[objective], {"temperature": temperature} if objective == "kl" else {}


def _flat(spec: StageSpec) -> dict[str, Any]:
    soft = next((config for config in spec.objectives if config.name in SOFT_OBJECTIVES), None)
    return {
        "golden": spec.golden,
        "weights": {term: c.weight for term, c in zip(main_terms(spec.objectives), spec.objectives, strict=True)},
        "soft_objective": soft.name if soft else "mse",
        "temperature": getattr(soft, "temperature", 1.0),
    }
