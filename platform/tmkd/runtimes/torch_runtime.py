"""The torch runtime: encoder in bf16 or fp32, head in fp32."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tmkd.runtimes.base import FloatArray, Runtime
from tmkd.runtimes.batching import default_tokens
from tmkd.runtimes.failures import named_failures
from tmkd.runtimes.network import Network
from tmkd.runtimes.precision import DTYPES
from tmkd.text.features import Features, IntArray

LESS = "run fewer models on a device, set precision: bf16, or take a device with more memory"


class TorchRuntime(Runtime):
    """Runs a network with torch.

    Args:
        network: moved and cast in place.
        features: builds its inputs.
        precision: ``fp32`` or ``bf16`` (the encoder's; whatever stands on top of it computes in fp32).
        device: ``cpu`` or ``cuda``.
        batch_tokens: tokens of a batch, padding included; None for the device's default.
    """

    def __init__(
        self, network: Network, features: Features, precision: str, device: str, batch_tokens: int | None = None
    ) -> None:
        super().__init__(features, batch_tokens or default_tokens(device), network.vocabulary_size, network.width)
        self.device = torch.device(device)
        with named_failures(f"the model, on {device},", LESS):
            self.network = network.to(self.device)
        if precision != "fp32":
            self.network.to(DTYPES[precision])
            for module in [*head_modules(network.model), *network.heads]:
                keep_fp32(module)

    def forward(self, inputs: dict[str, IntArray]) -> FloatArray:
        with torch.inference_mode():
            tensors = {k: torch.from_numpy(v).to(self.device, non_blocking=True) for k, v in inputs.items()}
            scores: FloatArray = self.network(**tensors).cpu().numpy()  # [B, C]
        return scores

    def free_memory(self) -> None:
        super().free_memory()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def is_usable(self) -> bool:
        if self.device.type == "cpu":
            return True
        try:
            return bool(torch.ones(1, device=self.device).sum().item() == 1)
        except RuntimeError:  # torch.AcceleratorError is one
            return False


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
