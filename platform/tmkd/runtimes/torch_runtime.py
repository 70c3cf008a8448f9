"""The torch runtime: encoder in bf16 or fp32, head in fp32, length-sorted batches, rows back in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tmkd.runtimes.batching import MAX_ROWS, default_tokens, token_budget_batches
from tmkd.runtimes.precision import DTYPES
from tmkd.tasks.features import Features, Ragged

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int], None]
Forward = Callable[[dict[str, torch.Tensor]], torch.Tensor]
PROGRESS_BATCHES = 8


def no_progress(rows: int) -> None:
    """Report nothing."""


class TorchRuntime:
    """Runs a frozen model over token columns.

    Args:
        model: a Hugging Face model; it is moved, cast and put into evaluation mode in place.
        precision: ``fp32`` or ``bf16`` (the encoder's; whatever stands on top of it computes in fp32).
        device: ``cpu`` or ``cuda``.
        batch_tokens: tokens of a batch, padding included; None for the device's default.
    """

    def __init__(self, model: nn.Module, precision: str, device: str, batch_tokens: int | None = None) -> None:
        self.device = torch.device(device)
        self.batch_tokens = batch_tokens or default_tokens(device)
        self.model = model.eval().requires_grad_(False).to(self.device)
        if precision != "fp32":
            self.model.to(DTYPES[precision])
            for module in head_modules(self.model):
                keep_fp32(module)

    @property
    def parameter_count(self) -> int:
        """Weights of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def run(
        self, features: Features, columns: tuple[Ragged, ...], forward: Forward, progress: Progress = no_progress
    ) -> FloatArray:
        """Return ``forward`` of every row, float32 [n, C], in the order of the rows.

        Args:
            features: builds the model's inputs.
            columns: one text a row, or a question and a passage.
            forward: maps a batch of inputs on the device to a tensor [B, C].
            progress: called with the number of rows done so far, every few batches.
        """
        batches = token_budget_batches(features.lengths(*columns), self.batch_tokens, MAX_ROWS)
        result: FloatArray | None = None
        done = 0
        with torch.inference_mode():
            for index, rows in enumerate(batches):
                inputs = self._inputs(features.batch(rows, *columns))
                scores = forward(inputs).float().cpu().numpy()  # [B, C]
                if result is None:
                    result = np.empty((len(columns[0]), scores.shape[1]), dtype=np.float32)
                result[rows] = scores
                done += len(rows)
                if index % PROGRESS_BATCHES == 0:
                    progress(done)
        progress(done)
        return np.empty((0, 1), dtype=np.float32) if result is None else result

    def _inputs(self, batch: dict[str, npt.NDArray[np.int64]]) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(array).to(self.device, non_blocking=True) for name, array in batch.items()}


def head_modules(model: nn.Module) -> list[nn.Module]:
    """Return what stands on a Hugging Face encoder: its pooler and every module beside it."""
    base = getattr(model, "base_model", model)
    beside = [] if base is model else [child for child in model.children() if child is not base]
    pooler = getattr(base, "pooler", None)
    return [*beside, pooler] if isinstance(pooler, nn.Module) else beside


def keep_fp32(module: nn.Module) -> None:
    """Let a module and all below it compute in fp32, whatever the format of their inputs."""
    module.float()
    for part in module.modules():
        part.register_forward_pre_hook(_cast_inputs, with_kwargs=True)


def _cast_inputs(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    return tuple(_cast(value) for value in args), {key: _cast(value) for key, value in kwargs.items()}


def _cast(value: Any) -> Any:
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
