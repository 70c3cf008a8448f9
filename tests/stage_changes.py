"""Stages with other values, by the names of the values alone, whichever part of a specification they are in."""

from __future__ import annotations

import dataclasses
from typing import Any

from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Objectives, Start

PARTS = {"data": Data, "start": Start, "objectives": Objectives}
ALIASES = {"starts_from": "folder"}


def changed(stage: Stage, **changes: Any) -> Stage:
    """Return a stage in which ``changes`` replace any of its values."""
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
    return dataclasses.replace(spec, **changes)
