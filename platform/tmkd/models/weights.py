"""Safetensors weights of a model folder: which files hold them, and what the heads of these files name.

Only files of the folder itself are read (links to elsewhere, as in the Hub's cache, are files of the folder), so that
its fingerprint covers all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

from tmkd.errors import UserError
from tmkd.models.json_files import kind_of, read_object, reason

if TYPE_CHECKING:  # processes that only tokenise start without torch
    from torch import nn

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
WEIGHTS = (SINGLE, INDEX)
SUFFIX = ".safetensors"
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
"""Names in checkpoints of the first BERTs, and theirs of today."""


def weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights of a model folder.

    Raises:
        UserError: if its index is damaged, or names anything but a ``*.safetensors`` file of this folder.
    """
    if (folder / SINGLE).is_file() or not (folder / INDEX).is_file():
        return [folder / SINGLE]
    path = folder / INDEX
    names = read_object(path).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise UserError(f"{path}: expected weight_map to map weights to files, found {kind_of(names)}")
    for weight, name in names.items():
        if not isinstance(name, str) or not name.endswith(SUFFIX) or Path(name).name != name or "\\" in name:
            raise UserError(
                f"{path}: weight_map puts {str(weight)[:80]} into {str(name)[:80]!r}; only {SUFFIX} files of this "
                "folder are read: save the model again with save_pretrained"
            )
    files = [folder / name for name in sorted(set(names.values()))]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise UserError(f"{path}: {len(missing)} of its {len(files)} files are not there ({missing[0][:80]} …)")
    return files


def weight_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight by name; only the heads of the files are read.

    Raises:
        UserError: as `weight_files`, and for a damaged or cut file, naming it.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="np") as weights:
                for name in weights.keys():  # noqa: SIM118
                    shapes[name] = tuple(weights.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: its safetensors weights are damaged ({reason(error)})") from None
    return shapes


def fits(model: nn.Module, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Tell whether a folder plainly holds every weight of a model; False asks for a real look, by loading it.

    Args:
        model: as its config builds it, on any device.
        shapes: of the folder's weights, see `weight_shapes`.
    """
    prefix = f"{getattr(model, 'base_model_prefix', '')}."
    held = {_plain(name, prefix): shape for name, shape in shapes.items()}
    return all(held.get(_plain(name, prefix)) == tuple(value.shape) for name, value in model.named_parameters())


def _plain(name: str, prefix: str) -> str:
    for old, new in OLD_NAMES.items():
        name = name.replace(old, new)
    return name.removeprefix(prefix)
