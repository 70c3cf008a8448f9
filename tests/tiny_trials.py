"""A study over a tiny world: two depths, a weight and a rate, and one trial that cannot be trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tiny_stages import SHAPE, World, engine_config, schedule, signal, stage
from tmkd.search.shape import Shape
from tmkd.search.study import Study
from tmkd.search.trial import Lab
from tmkd.training.stage import Stage

RUNGS = 3
SPEED = {"encoder-1": {"milliseconds": 1.0}, "encoder-2": {"milliseconds": 2.0}}
FIRST = [{"shape": name, "alpha": 0.7, "learning_rate": 1e-3} for name in SPEED]


@dataclass(frozen=True)
class Maker:
    """A trial's stage; trials of alpha ``missing`` have no labels, those of ``diverging`` a rate beyond all measure."""

    world: World
    missing: float | None = None
    diverging: float | None = None
    steps: int = 6

    def __call__(self, settings: Mapping[str, Any]) -> Stage:
        layers, alpha = Shape.of(settings["shape"]).size, settings["alpha"]
        teacher = "missing" if alpha == self.missing else "a"
        rate = 1e30 if alpha == self.diverging else settings["learning_rate"]
        made = stage(
            self.world, "", name="finetune", golden=True, golden_identity="judged",
            signals={f"soft:{teacher}": signal(teacher)}, weights={"golden": 1 - alpha, "soft": alpha},
            schedule=schedule(max_steps=self.steps, learning_rate=rate),
            shape=dataclasses.replace(SHAPE, layers=layers), validation=self.world.shards,
        )  # fmt: skip
        return dataclasses.replace(made, output=f"trials/{made.identity()}")


def study(
    world: World,
    maker: Maker,
    trials: int = 5,
    reduction: float = 2.0,
    first: Sequence[Mapping[str, Any]] = FIRST,
    metric: str = "validation_accuracy",
) -> Study:
    return Study(
        name="tiny", identity="s", lab=Lab(maker, engine_config(validations=RUNGS), world.workspace, 1, SPEED),
        space={"shape": list(SPEED), "alpha": [0.3, 0.7, 0.9], "learning_rate": (1e-4, 1e-2)}, first=first,
        trials=trials, metric=metric, reduction=reduction, seed=0, cpus=1, gpus=0,
    )  # fmt: skip
