"""What a training worker is sent, and where a finished stage is noted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tmkd.models.folders import WEIGHTS
from tmkd.models.hashes import refuse_changed
from tmkd.training.config import EngineConfig
from tmkd.training.stage import Stage
from tmkd.workspace import Workspace

NOTE = "stage.json"


@dataclass(frozen=True)
class Plan:
    """Stages to train one after the other in one set of workers.

    Attributes:
        progress: name of the task under which steps are posted to the driver.
        part: of that task; the driver shows the sum of all parts.
        steps_of_all: of all parts; 0 = of these stages alone.
        heeds_notices: whether nodes may be taken away with notice (spot), so that workers ask for it.
    """

    stages: tuple[Stage, ...]
    engine: EngineConfig
    workspace: Workspace
    progress: str
    part: str = ""
    steps_of_all: float = 0.0
    heeds_notices: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages."""
        return sum(stage.steps for stage in self.stages)


def finished(workspace: Workspace, stage: Stage) -> dict[str, Any] | None:
    """Return the note of a finished stage (steps, seconds, history), or None if it has yet to be trained.

    A note beside which the weights are missing does not count.

    Raises:
        DamagedError: if the model or its note was changed or cut since: it is not trained again over such a folder.
    """
    refuse_changed(workspace, stage.output, [NOTE])
    note = read_note(workspace, stage.output)
    if note is None or note.get("identity") != stage.identity():
        return None
    if not any(workspace.exists(f"{stage.output}/{name}") for name in WEIGHTS):
        return None
    refuse_changed(workspace, stage.output)
    return note


def read_note(workspace: Workspace, folder: str) -> dict[str, Any] | None:
    """Return the note in a model folder, or None where there is none that can be read."""
    path = f"{folder}/{NOTE}"
    if not workspace.exists(path):
        return None
    try:
        return dict(workspace.read_json(path))
    except (ValueError, TypeError):
        return None
