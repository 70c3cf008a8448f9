"""Cache of exported graphs that the processes of a machine share: whole entries, published by rename and checked."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from tmkd.errors import UserError
from tmkd.workspace import folder_fingerprint

HASH_FILE = ".sha256"
SCRATCH = "making-"
STALE_S = 24 * 3600
"""Age after which nobody is making an entry any more: its process was killed."""


def cached(root: Path, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of an entry, made now unless it is there and whole.

    Any number of processes may ask at once: each works in a folder of its own, and the first to rename it wins.
    Nothing is ever changed in place: a damaged entry stays, and a new one is published beside it.

    Args:
        root: folder of the cache.
        name: of the entry; what it depends on must be in it.
        make: fills an empty folder with the entry's files.

    Raises:
        UserError: if the cache cannot be written.
    """
    for entry in _places(root, name):
        if not entry.exists():
            break
        if _is_whole(entry):
            return entry
    scratch = _scratch(root)
    try:
        made = scratch / "entry"
        made.mkdir()
        make(made)
        (made / HASH_FILE).write_text(_hash(made), encoding="ascii")
        return _published(made, root, name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _places(root: Path, name: str) -> Iterator[Path]:
    return (root / f"{name}-{number}" for number in count())


def _published(made: Path, root: Path, name: str) -> Path:
    """Rename a made folder to the first free place, unless a whole one is there by now; return where it is."""
    for entry in _places(root, name):
        try:
            made.rename(entry)
            return entry
        except OSError:
            if not entry.exists():
                raise
            if _is_whole(entry):
                return entry
    raise AssertionError("places never end")


def _scratch(root: Path) -> Path:
    """Return a new folder to work in; what killed processes have left is deleted."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=root))
    except OSError as error:
        raise UserError(
            f"runtime onnx: {root} cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can, or "
            "runtime: torch"
        ) from None
    for path in root.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_S:
                shutil.rmtree(path, ignore_errors=True)
    return scratch


def _is_whole(entry: Path) -> bool:
    try:
        return (entry / HASH_FILE).read_text(encoding="ascii") == _hash(entry)
    except (OSError, ValueError):
        return False


def _hash(entry: Path) -> str:
    return folder_fingerprint(entry, {path.name for path in entry.iterdir()} - {HASH_FILE})
