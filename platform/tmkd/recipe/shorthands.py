"""Shorthands of a recipe as the lists of objectives that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from tmkd.config import Config
from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.attention_mse import AttentionMseConfig
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.registry import OBJECTIVES
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.tasks.base import load_part
from tmkd.tasks.registry import task_of

Listed = tuple[ObjectiveConfig, ...]


@dataclass(frozen=True)
class UsualObjectives:
    """Objectives of a task where a recipe lists none.

    Attributes:
        golden: weight -> objective on golden labels.
        soft: weight, ``objective``, its ``temperature``, ``reading.temperature`` -> objective on soft labels.
    """

    golden: Callable[[float], ObjectiveConfig]
    soft: Callable[[float, str, float, float], ObjectiveConfig]


def golden_alone(task: str) -> Listed:
    """Return what a teacher or the baseline learns: golden labels."""
    return (_golden(task, 1.0),)


def soft_alone(task: str, objective: str, temperature: float, reading_temperature: float) -> Listed:
    """Return what stage 1 or a warm-up learns: soft labels.

    Args:
        task: of the corpus.
        objective: of pairs.
        temperature: of that objective.
        reading_temperature: of spans.
    """
    return (_soft(task, 1.0, objective, temperature, reading_temperature),)


def attention_alone() -> Listed:
    """Return what A2D's stage before all others learns: where the readers look."""
    return (AttentionMseConfig(),)


def golden_and_soft(
    task: str,
    weights: Mapping[str, float],
    objective: str,
    temperature: float,
    reading_temperature: float,
    candidates: int,
) -> Listed:
    """Return what stage 2 learns.

    Args:
        task: of the corpus.
        weights: of ``golden``, ``soft``, ``answer`` and ``attention``; a weight of 0 leaves the objective out.
        objective: on soft labels of pairs.
        temperature: of that objective.
        reading_temperature: of soft labels of spans.
        candidates: of each reader, among which the most confusing answer is sought.
    """
    found: list[ObjectiveConfig] = []
    if weights["golden"] > 0:
        found.append(_golden(task, weights["golden"]))
    if weights["soft"] > 0:
        found.append(_soft(task, weights["soft"], objective, temperature, reading_temperature))
    if weights["answer"] > 0:
        found.append(AnswerMarginConfig(weight=weights["answer"], candidates=candidates))
    if weights["attention"] > 0:
        found.append(AttentionMseConfig(weight=weights["attention"]))
    return tuple(found)


def refuse_both(block: Config, shorthands: Iterable[str]) -> None:
    """Raise `ValueError` if a block of a recipe has a list and a shorthand that differs from its default."""
    values: Mapping[str, Any] = dict(block)
    given = [name for name in shorthands if values[name] != type(block).model_fields[name].default]
    if values["objectives"] and given:
        raise ValueError(both_given("objectives", given))


def both_given(listed: str, given: Iterable[str]) -> str:
    """Return the message for a list of objectives beside the shorthands that it replaces."""
    named = list(given)
    are = "are shorthands" if len(named) > 1 else "is a shorthand"
    return (
        f"{listed} and {' and '.join(named)} are both given, but {' and '.join(named)} {are} for such a list; drop one"
    )


def _golden(task: str, weight: float) -> ObjectiveConfig:
    return _usual(task).golden(weight)


def _soft(task: str, weight: float, objective: str, temperature: float, reading_temperature: float) -> ObjectiveConfig:
    return _usual(task).soft(weight, objective, temperature, reading_temperature)


def _usual(task: str) -> UsualObjectives:
    return cast(UsualObjectives, load_part(task_of(task).shorthands))


def _soft_of_classes(weight: float, objective: str, temperature: float, _: float) -> ObjectiveConfig:
    kind = OBJECTIVES[objective]
    more = {"temperature": temperature} if "temperature" in kind.model_fields else {}
    return kind.model_validate({"weight": weight, **more})


def _soft_of_spans(weight: float, _: str, __: float, temperature: float) -> ObjectiveConfig:
    return SpanKlConfig(weight=weight, temperature=temperature)


OF_CLASSES = UsualObjectives(lambda weight: CrossEntropyConfig(weight=weight), _soft_of_classes)
OF_SPANS = UsualObjectives(lambda weight: SpanCrossEntropyConfig(weight=weight), _soft_of_spans)
