"""DeepSpeed: from a schedule and an engine config to an engine that steps."""

from __future__ import annotations

import math
import os
from typing import Any

import torch
from torch import nn
from transformers import get_scheduler

from tmkd.runtimes.precision import resolve_precision
from tmkd.training.config import EngineConfig, Schedule


def prepare_process(device: str) -> None:
    """Set up what DeepSpeed reads when it is imported; call before anything imports it."""
    if device == "cpu":
        os.environ["DS_ACCELERATOR"] = "cpu"
    import deepspeed

    # Its shared-memory all-reduce is compiled with g++ at first use (half a minute). Gloo does as well for workers
    # on CPUs and needs no compiler.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def accumulation(batch_size: int, micro_batch: int, workers: int) -> int:
    """Return how many micro-batches a worker runs in a full step."""
    rows = math.ceil(batch_size / workers)
    return math.ceil(rows / micro_batch)


def start(model: nn.Module, schedule: Schedule, config: EngineConfig, steps: int, workers: int, device: str) -> Any:
    """Return a DeepSpeed engine around ``model`` with AdamW and the schedule's warm-up and decay.

    Losses given to it must already be global means (see `tmkd.training.loop`): nothing is divided by the number of
    micro-batches here.
    """
    import deepspeed

    optimizer = torch.optim.AdamW(_groups(model, schedule.weight_decay), lr=schedule.learning_rate, fused=True)
    warmup = round(steps * schedule.warmup_ratio)
    name = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}[schedule.decay]
    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=optimizer,
        lr_scheduler=get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=steps),
        config=_settings(schedule, config, workers, resolve_precision(config.precision, device)),
        dist_init_required=False,
    )
    return engine


def _settings(schedule: Schedule, config: EngineConfig, workers: int, precision: str) -> dict[str, Any]:
    parts = accumulation(schedule.batch_size, config.micro_batch, workers)
    micro = math.ceil(schedule.batch_size / (workers * parts))
    return {
        "train_micro_batch_size_per_gpu": micro,
        "gradient_accumulation_steps": parts,
        "train_batch_size": micro * parts * workers,
        "gradient_clipping": schedule.clip,
        "zero_optimization": {"stage": config.zero_stage},
        "zero_allow_untested_optimizer": True,
        "torch_autocast": {"enabled": precision == "bf16", "dtype": "bfloat16"},
        "steps_per_print": None,
        "wall_clock_breakdown": False,
    }


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    plain = [p for p in trained if p.ndim < 2]  # biases and norms, whatever an architecture calls them
    decayed = [p for p in trained if p.ndim >= 2]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
