"""What a recipe says about training: the schedule of a stage and the engine that all stages share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tmkd.config import Config
from tmkd.placement import Placement

MOST = 1_000_000_000
"""Of passes and of optimiser steps; no training takes as many, and a float that is larger cannot be counted with."""
MOST_STEPS = 100_000_000
"""Of one stage; at a hundred a second they take twelve days."""
MOST_PER_WORKER = 10_000
"""CPUs or GPUs of one worker."""


class Schedule(Config):
    """How long and how fast a stage learns."""

    learning_rate: float = Field(1e-4, gt=0, le=1e30, description="peak rate of AdamW")
    epochs: float = Field(1.0, gt=0, le=MOST, description="passes over the stage's rows; fractions are fine")
    max_steps: int | None = Field(None, ge=1, le=MOST, description="optimiser steps at most, whatever the epochs")
    batch_size: int = Field(32, ge=1, le=10**6, description="rows an optimiser step, over all workers")
    warmup_ratio: float = Field(0.1, ge=0, lt=1, description="part of the steps in which the rate rises from 0")
    decay: Literal["linear", "cosine", "constant"] = Field("linear", description="how the rate falls afterwards")
    weight_decay: float = Field(0.01, ge=0, le=100, description="of AdamW; biases and norms are left out")
    clip: float = Field(1.0, ge=0, le=1e6, description="largest norm of the gradient; 0 switches clipping off")

    def steps(self, rows: int) -> int:
        """Return the optimiser steps of a stage of so many rows."""
        steps = max(1, round(-(-rows // self.batch_size) * self.epochs))
        return min(steps, self.max_steps or steps)

    def alone(self) -> Schedule:
        """Return the schedule without what a recipe's block has in addition to it."""
        return (
            self
            if type(self) is Schedule
            else Schedule(**{name: getattr(self, name) for name in Schedule.model_fields})
        )


class EngineConfig(Config):
    """Workers, precision and checkpoints of every stage (Ray Train and DeepSpeed)."""

    workers: int = Field(1, ge=1, le=10_000, description="training workers (Ray Train)")
    cpus_per_worker: float | Literal["auto"] = Field("auto", description="auto: 1; a lone CPU worker uses every core")
    gpus_per_worker: Annotated[float, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="0, 1, or of a lone worker a fraction; auto: 1 where the cluster has GPUs, else 0"
    )
    placement: Placement = Field(Placement(), description="which nodes the workers run on")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="auto: bf16 autocast where GPU or CPU multiply it natively, else fp32"
    )
    zero_stage: Literal[0, 1, 2, 3] = Field(0, description="DeepSpeed ZeRO stage")
    micro_batch: int = Field(
        32, ge=1, le=10**6, description="rows of one forward pass; the rest of a batch is accumulated"
    )
    shuffle_shards: int = Field(
        8, ge=1, le=10**6, description="shards shuffled together; up to twice as many in memory"
    )
    checkpoint_every_steps: int = Field(100, ge=1, le=10**9, description="steps between two checkpoints")
    log_every_steps: int = Field(10, ge=1, le=10**9, description="steps between two points of a curve")
    validations: int = Field(
        4, ge=0, le=10**6, description="how often a stage is judged on the validation split; 0 = never"
    )
    max_failures: int = Field(3, ge=0, le=10**6, description="how often Ray Train restarts failed workers of a stage")
    min_scored: float = Field(
        0.5, ge=0, le=1, description="share of a stage's rows that each teacher must have scored for it to begin"
    )

    @model_validator(mode="after")
    def _has_a_gpu_for_each_worker(self) -> EngineConfig:
        """DeepSpeed gives worker i of a node its i-th GPU, so workers can neither share one nor use two."""
        gpus = self.gpus_per_worker
        if gpus == "auto" or gpus in (0, 1):
            return self
        if gpus > 1:
            raise ValueError(f"gpus_per_worker: {gpus:g}, but a worker trains on one GPU; give 1, and more workers")
        if self.workers > 1:
            raise ValueError(
                f"gpus_per_worker: {gpus:g} with {self.workers} workers: workers of one training cannot share a GPU; "
                "give each 1, or take 1 worker"
            )
        return self

    @field_validator("cpus_per_worker")
    @classmethod
    def _can_be(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not 0 <= value <= MOST_PER_WORKER:
            raise ValueError(f"{value:g} is not between 0 and {MOST_PER_WORKER:,}")
        return value
