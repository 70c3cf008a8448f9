"""Checkpoints of a running stage: DeepSpeed's own, handed to Ray Train or to a trial, private to the run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import ray.train
from ray.train import Checkpoint

TAG = "state"
PROGRESS = "progress.json"


def save(engine: Any, stage: str, step: int, history: dict[str, list[list[float]]]) -> None:
    """Write the state after ``step`` optimiser steps; every worker calls it."""
    with tempfile.TemporaryDirectory(prefix="tmkd-checkpoint-") as folder:
        write(engine, stage, step, history, folder)
        ray.train.report({"stage": stage, "step": step}, checkpoint=Checkpoint.from_directory(folder))


def restore(engine: Any, stage: str) -> tuple[int, dict[str, list[list[float]]]]:
    """Load the latest checkpoint of this stage into the engine.

    Returns:
        Steps done and the history so far; (0, {}) where there is no checkpoint of this stage.
    """
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return 0, {}
    with checkpoint.as_directory() as folder:
        return read(engine, stage, folder)


def write(engine: Any, stage: str, step: int, history: dict[str, list[list[float]]], folder: str) -> None:
    """Write the state after ``step`` optimiser steps into a folder."""
    engine.save_checkpoint(folder, tag=TAG, exclude_frozen_parameters=True)
    progress = {"stage": stage, "step": step, "history": history}
    Path(folder, PROGRESS).write_text(json.dumps(progress), encoding="utf-8")


def read(engine: Any, stage: str, folder: str) -> tuple[int, dict[str, list[list[float]]]]:
    """Load what `write` wrote, as `restore` does."""
    progress = json.loads(Path(folder, PROGRESS).read_text(encoding="utf-8"))
    if progress["stage"] != stage:
        return 0, {}
    engine.load_checkpoint(folder, tag=TAG, load_module_strict=False)
    return int(progress["step"]), progress["history"]
