"""Objectives as a recipe names them: one loss on soft labels by its name, or a list with hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SerializeAsAny

from tmkd.errors import nearest
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.registry import OBJECTIVES, SOFT_OBJECTIVES

SOFT = ", ".join(SOFT_OBJECTIVES)
LISTED = (
    f"what is learned, such as [{{name: kl, weight: 0.9, temperature: 2}}], of {', '.join(OBJECTIVES)}; empty = as the "
    "shorthands say"
)


def _is_soft(value: str) -> str:
    if value not in SOFT_OBJECTIVES:
        raise ValueError(f"{value!r} is none of {SOFT}{nearest(value, SOFT_OBJECTIVES)}")
    return value


def _of_its_kind(value: Any) -> Any:
    """Return the config of the objective that a mapping names; its own check tells faults of values."""
    if isinstance(value, ObjectiveConfig):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} must be a mapping with a name, such as {{name: kl, weight: 0.9}}")
    name = value.get("name")
    if not isinstance(name, str) or name not in OBJECTIVES:
        near = nearest(name, OBJECTIVES) if isinstance(name, str) else ""
        raise ValueError(f"name: {name!r} is none of {', '.join(OBJECTIVES)}{near}")
    legal = list(OBJECTIVES[name].model_fields)
    for key in value:
        if key not in legal:
            raise ValueError(f"{name}: unknown key {key!r}{nearest(str(key), legal)}; legal here: {', '.join(legal)}")
    return OBJECTIVES[name].model_validate(value)


def _are_different(value: Sequence[ObjectiveConfig]) -> Sequence[ObjectiveConfig]:
    names = [config.name for config in value]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"{twice} is listed twice; give it once, with the sum of the weights")
    return value


Objective = Annotated[str, AfterValidator(_is_soft)]
"""A loss on soft labels of pairs, by its name."""
ObjectiveList = Annotated[
    list[Annotated[SerializeAsAny[ObjectiveConfig], BeforeValidator(_of_its_kind)]], AfterValidator(_are_different)
]
"""What a stage learns; empty where shorthands say it."""
