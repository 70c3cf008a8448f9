"""Checkpoints of a running stage: DeepSpeed's own, handed to Ray Train or to a trial, private to the run.

With ZeRO every worker holds a part of the optimiser's state. On another number of workers the parts are joined first,
as DeepSpeed's universal checkpoint (Lian et al., 2024).
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    progress = {"stage": stage, "step": step, "history": history, "workers": engine.dp_world_size}
    Path(folder, PROGRESS).write_text(json.dumps(progress), encoding="utf-8")


def read(engine: Any, stage: str, folder: str) -> tuple[int, dict[str, list[list[float]]]]:
    """Load what `write` wrote, on as many workers or others, as `restore` does."""
    progress = json.loads(Path(folder, PROGRESS).read_text(encoding="utf-8"))
    if progress["stage"] != stage:
        return 0, {}
    if engine.zero_optimization() and progress["workers"] != engine.dp_world_size:
        with _joined(folder) as whole:
            _load_joined(engine, whole)
    else:
        _load(engine, folder)
    return int(progress["step"]), progress["history"]


def _load(engine: Any, folder: str) -> None:
    engine.load_checkpoint(folder, tag=TAG, load_module_strict=False)


def _load_joined(engine: Any, folder: str) -> None:
    decays = [group["weight_decay"] for group in engine.optimizer.param_groups]
    engine._config.load_universal_checkpoint = True  # read when it loads; its setting is for whole runs
    try:
        _load(engine, folder)
    finally:
        engine._config.load_universal_checkpoint = False
    _set_apart(engine.optimizer, decays)


def _set_apart(optimizer: Any, decays: list[float]) -> None:
    """Undo what DeepSpeed's ZeRO 3 makes one of when it loads a joined checkpoint.

    Every group has been given the first one's weight decay, and all states one tensor to count their steps, which each
    of them would add to.
    """
    for group, decay in zip(optimizer.param_groups, decays, strict=True):
        group["weight_decay"] = decay
    for state in optimizer.optimizer.state.values():
        state["step"] = copy.deepcopy(state["step"])


@contextmanager
def _joined(folder: str) -> Iterator[str]:
    """Yield a folder with the parts of a ZeRO checkpoint joined by DeepSpeed's own converter."""
    with tempfile.TemporaryDirectory(prefix="tmkd-universal-") as whole:
        command = [sys.executable, "-m", "deepspeed.checkpoint.ds_to_universal", "--inject_missing_state"]
        command += ["--input_folder", f"{folder}/{TAG}", "--output_folder", f"{whole}/{TAG}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{folder}: its parts cannot be joined for another number of workers: {done.stderr}")
        yield whole
