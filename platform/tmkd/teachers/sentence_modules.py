"""Modules of sentence-transformers that follow the pooling: dense layers, layer norms, normalising."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tmkd.errors import UserError
from tmkd.models.json_files import kind_of, reason
from tmkd.models.weights import SINGLE
from tmkd.teachers.sentence_folder import Module, positive


class Dense(nn.Module):
    """A linear layer with an activation, and with a residual connection where the folder has one."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        path, config = module.folder / "config.json", module.config
        wide, out = (positive(path, key, config) for key in ("in_features", "out_features"))
        if wide is None or out is None:
            raise UserError(f"{path}: in_features and out_features are needed; found {', '.join(config)[:120]}")
        self.linear = nn.Linear(wide, out, bias=bool(config.get("bias", True)))
        self.activation = activation(module)
        self.adds = bool(config.get("use_residual", False))
        self.residual = nn.Linear(wide, out, bias=False) if self.adds and wide != out else nn.Identity()

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.activation(self.linear(vectors))
        return found + self.residual(vectors) if self.adds else found


class Norm(nn.Module):
    """A layer norm."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        path = module.folder / "config.json"
        dimension = positive(path, "dimension", module.config)
        if dimension is None:
            raise UserError(f"{path}: dimension is needed; found {', '.join(module.config)[:120]}")
        self.norm = nn.LayerNorm(dimension)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(vectors)
        return found


class Normalize(nn.Module):
    """Brings vectors to length 1."""

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return nn.functional.normalize(vectors, dim=-1)


def build_module(module: Module) -> nn.Module:
    """Return a module with its weights.

    Raises:
        UserError: if its config or weights cannot be used, naming the file.
    """
    if module.name == "Normalize":
        return Normalize()
    made: nn.Module = Dense(module) if module.name == "Dense" else Norm(module)
    path = module.folder / SINGLE
    if not path.is_file():
        raise UserError(
            f"{path}: the weights of module {module.name} are not there"
            + (
                "; pytorch_model.bin may run code when loaded"
                if (module.folder / "pytorch_model.bin").is_file()
                else ""
            )
            + ": load and save the folder with sentence-transformers 5"
        )
    try:
        made.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (SafetensorError, RuntimeError, OSError) as error:
        raise UserError(f"{path}: are no weights of its module {module.name} ({reason(error)})") from None
    return made


def module_facts(module: Module) -> dict[str, Any]:
    """Return what vectors depend on of a module: its config and the hash of its weights.

    Raises:
        UserError: if its weights are not there.
    """
    if module.name == "Normalize":
        return {"module": module.name}
    build_module(module)
    digest = hashlib.sha256((module.folder / SINGLE).read_bytes()).hexdigest()[:16]
    return {"module": module.name, "config": module.config, "weights": digest}


def activation(module: Module) -> nn.Module:
    """Return the activation of a dense layer, one of torch's; tanh where the config names none, as the library does.

    Raises:
        UserError: for one that torch does not have, as a folder's own classes are never run.
    """
    name = module.config.get("activation_function", "torch.nn.modules.activation.Tanh")
    kind = getattr(torch.nn, name.rpartition(".")[2], None) if isinstance(name, str) else None
    if not (isinstance(name, str) and name.startswith("torch.nn.") and isinstance(kind, type)):
        raise UserError(
            f"{module.folder / 'config.json'}: activation_function is {kind_of(name)}; supported: activations of "
            "torch.nn, such as torch.nn.modules.activation.Tanh"
        )
    try:
        made = kind()
        made(torch.zeros(1, 2))
    except Exception as error:
        raise UserError(f"{module.folder / 'config.json'}: activation_function {name} ({reason(error)})") from None
    return made
