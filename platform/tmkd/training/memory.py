"""Memory of a training step: the message for a micro-batch that does not fit."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tmkd.runtimes.failures import named_failures
from tmkd.training.config import EngineConfig
from tmkd.training.stage import StageSpec


def in_memory(stage: StageSpec, config: EngineConfig, rows: int | None = None) -> AbstractContextManager[None]:
    """Name the keys to change where the block runs out of memory; nothing is changed by itself.

    Args:
        stage: what is trained.
        config: its micro-batches.
        rows: of a forward pass; None for as many as a step's.

    Raises:
        UserError: if the block does not fit into memory.
        DeviceError: if the device is broken.
    """
    rows = rows or min(config.micro_batch, stage.schedule.batch_size)
    return named_failures(
        f"stage {stage.name}: a forward pass of {rows} rows (training.micro_batch {config.micro_batch}, batch_size "
        f"{stage.schedule.batch_size})",
        "lower training.micro_batch: the rest of a batch is accumulated, so that batch_size and the result stay. "
        "training.zero_stage 2 over several workers, precision bf16 or a smaller max_length save memory, too",
    )
