"""A stage that comes to nothing: no worker is at fault, so none is started again for it, and NaN is not published."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tmkd.training.stage import Stage, StageSpec
from tmkd.workspace import Workspace

NOTE = "diverged.json"
WORD = "diverged: "
"""What every reason begins with."""


class DivergedError(Exception):
    """A loss or a weight is no longer a number; raised in all workers of a stage alike."""


def refuse(stage: StageSpec, name: str, value: float) -> None:
    """Raise `DivergedError` unless ``value``, which is called ``name``, is a number."""
    if not math.isfinite(value):
        raise DivergedError(
            f"{WORD}{name} of stage {stage.name} is {value}; its learning rate rises to "
            f"{stage.schedule.learning_rate:g}, and a lower one or a longer warm-up would be right"
        )


def refuse_untaught(stage: StageSpec, terms: Sequence[str]) -> None:
    """Raise `DivergedError` if there are ``terms`` that have met no row with their label in any step of a stage."""
    if terms:
        raise DivergedError(
            f"{WORD}{' and '.join(terms)} of stage {stage.name} met no row with a label in {stage.steps:,} steps; give "
            "it more labels or more steps, or leave it out of the recipe"
        )


def is_final(reason: str) -> bool:
    """Tell whether the same stage would come to nothing again."""
    return WORD in reason


def note(workspace: Workspace, stage: Stage, reason: str) -> None:
    """Write down, where the finished model would lie, why there is none."""
    workspace.publish_json(f"{stage.output}/{NOTE}", {"identity": stage.identity(), "reason": reason})


def noted(workspace: Workspace, stage: Stage) -> str | None:
    """Return why the last attempt at a stage came to nothing; None if it did not."""
    path = f"{stage.output}/{NOTE}"
    found = workspace.read_json(path) if workspace.exists(path) else {}
    return str(found["reason"]) if found.get("identity") == stage.identity() else None


def forget(workspace: Workspace, stage: Stage) -> None:
    """Give a stage another chance: with another precision it may do."""
    workspace.delete(f"{stage.output}/{NOTE}")
