"""The name of a loss on soft labels, wherever a recipe holds one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from tmkd.errors import nearest
from tmkd.objectives import SOFT_OBJECTIVES

OBJECTIVES = ", ".join(SOFT_OBJECTIVES)


def _is_an_objective(value: str) -> str:
    if value not in SOFT_OBJECTIVES:
        raise ValueError(f"{value!r} is none of {OBJECTIVES}{nearest(value, SOFT_OBJECTIVES)}")
    return value


Objective = Annotated[str, AfterValidator(_is_an_objective)]
"""A loss on soft labels, by its name in `tmkd.objectives.SOFT_OBJECTIVES`."""
