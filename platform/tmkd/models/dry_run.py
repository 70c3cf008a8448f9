"""Whether a model can be built and run, tried on two tokens without memory for its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tmkd.models.config_file import quiet_loading
from tmkd.models.headed import Student
from tmkd.models.json_files import reason

TOKENS = 2
DECIDED = {torch.Tensor.__bool__: True, torch.Tensor.__int__: 1, torch.Tensor.__index__: 1, torch.Tensor.__float__: 1.0}


class _Decided(TorchFunctionMode):
    """Answers a model that asks for a number out of a tensor without values: true, or one."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], torch.Tensor) and args[0].is_meta:
            if func in DECIDED:
                return DECIDED[func]
            if func is torch.Tensor.item:
                return args[0].dtype is torch.bool or 1
        return func(*args, **(kwargs or {}))


def dry_run(build: Callable[[], torch.nn.Module], **more: Any) -> torch.nn.Module:
    """Build a model on torch's meta device and run it on two tokens; returns it.

    Architectures whose code needs values are run on the CPU, with weights as memory happens to hold them.

    Args:
        build: makes the model; called where new tensors have no values. Of a student, its encoder is run.
        more: for the forward pass, beside the tokens and their mask.

    Raises:
        Exception: whatever the model's code raises.
    """
    with quiet_loading():
        with torch.device("meta"):
            model = build()
        try:
            _run(model, "meta", more)
        except (NotImplementedError, RuntimeError) as error:
            if "meta" not in reason(error):
                raise
            _run(_with_memory(build), "cpu", more)
    return model


def _run(model: torch.nn.Module, device: str, more: dict[str, Any]) -> None:
    with torch.device(device), torch.inference_mode(), _Decided():
        ids = torch.ones(1, TOKENS, dtype=torch.int64)
        part: Any = model.encoder if isinstance(model, Student) else model  # its headers know no meta tensors
        part.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), **more)


def _with_memory(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    from transformers.initialization import no_init_weights

    with no_init_weights():
        return build()
