"""Many plans in one Ray Train fit: a fit costs ten seconds, a plan of six tiny steps a tenth of one.

Every plan goes through the real `tmkd.training.loop.train_stages`, one after the other in the same workers.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ray import cloudpickle
from safetensors.numpy import load_file

from tiny_stages import World, engine_config
from tmkd.training.plan import Plan, finished
from tmkd.training.stage import Stage

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
Attempt = tuple[tuple[Stage, ...], dict[str, Any]]

UNDETERMINED = ("attention.self.key.bias",)
"""Adds the same to all scores of a query, which softmax takes away again: its gradient is nothing but rounding errors,
which Adam makes as large as any other. It has no effect, so it is not compared."""
FREE_LEVEL = ("linear.bias",)
"""The same of a header's bias where candidates are compared: it adds the same to all of them."""


class BreakOff:
    """Stands where MLflow's run stands, and ends a stage in the middle."""

    def __init__(self, after: int) -> None:
        self.after = after

    def metrics(self, values: dict[str, float], step: int) -> None:
        if step == self.after:
            raise RuntimeError("broken off")


class Record:
    """Stands where MLflow's run stands, and writes down what it is sent."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def metrics(self, values: dict[str, float], step: int) -> None:
        with self.file.open("a") as lines:
            lines.writelines(f"{name}@{step}\n" for name in values)


def attempt(*stages: Stage, **engine: Any) -> Attempt:
    """Return stages to train and changes to the engine config."""
    return stages, engine


def run(world: World, attempts: Mapping[str, Attempt], workers: int, folder: Path) -> dict[str, str]:
    """Run all attempts in one fit; returns what went wrong in which (an attempt may be meant to break off)."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    faults = folder / "faults"
    faults.mkdir(parents=True)
    plans = {
        name: Plan(stages, engine_config(**engine), world.workspace, progress=name)
        for name, (stages, engine) in attempts.items()
    }

    def each(config: dict[str, Any]) -> None:
        import traceback

        from tmkd.training.loop import train_stages

        for name, plan in config["plans"].items():
            try:
                train_stages(plan, 1)
            except Exception:
                (config["faults"] / name).write_text(traceback.format_exc())

    TorchTrainer(
        each,
        train_loop_config={"plans": plans, "faults": faults},
        scaling_config=ScalingConfig(num_workers=workers, resources_per_worker={"CPU": 1}),
        run_config=RunConfig(storage_path=str(folder), name="fit"),
    ).fit()
    return {path.name: path.read_text() for path in faults.iterdir()}


def note(world: World, stage: Stage) -> dict[str, Any]:
    """Return the note of a stage that must be finished."""
    found = finished(world.workspace, stage)
    assert found is not None, f"{stage.output} is not finished"
    return found


def weights(world: World, output: str) -> dict[str, np.ndarray]:
    """Return the weights of a finished model by name."""
    return load_file(world.workspace.local_path(f"{output}/model.safetensors"))


def furthest(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray], but: tuple[str, ...] = ()) -> float:
    """Return the largest difference between two models' weights, those whose names end in ``but`` left out."""
    assert one.keys() == other.keys()
    return max(float(np.abs(one[name] - other[name]).max()) for name in one if not name.endswith(but))
