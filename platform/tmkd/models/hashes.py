"""Hashes of a model folder's files, published with it, so that a cut or changed model is noticed before it is used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmkd.integrity import DamagedError, Stamp, known_hash, remember
from tmkd.sealed import publish_sealed, read_sealed
from tmkd.workspace import Stat, Workspace

HASHES = "hashes.json"
NOT_HASHED = ("README.md",)
"""A model card may be edited at any time."""


def hash_of(data: bytes) -> dict[str, Any]:
    """Return the entry of one file in a folder's `HASHES`."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def publish_hashes(workspace: Workspace, folder: str, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Publish ``<folder>/hashes.json``: file name -> `hash_of`."""
    kept = {name: dict(entry) for name, entry in entries.items() if name not in NOT_HASHED}
    publish_sealed(workspace, f"{folder}/{HASHES}", {"files": kept})


def read_hashes(workspace: Workspace, folder: str) -> dict[str, dict[str, Any]] | None:
    """Return the entries of a folder's files; None for a folder of an older version, which cannot be checked.

    Raises:
        DamagedError: if the hashes themselves are damaged.
    """
    path = f"{folder}/{HASHES}".lstrip("/")
    if not workspace.exists(path):
        return None
    files = read_sealed(workspace, path).get("files")
    if not isinstance(files, dict):
        raise DamagedError(f"{workspace.show(path)}: lists no files; {_remedy(workspace, folder)}")
    return files


def changed_file(
    workspace: Workspace, folder: str, only: Sequence[str] | None = None, sizes_alone: bool = False
) -> str | None:
    """Return what is wrong with the first file that is not as published; None if all are, or nothing can be checked.

    Args:
        workspace: where the folder is.
        folder: of a model.
        only: names of the files to check; all that have a hash by default.
        sizes_alone: do not read files, compare their sizes.

    Raises:
        DamagedError: if the hashes themselves are damaged.
    """
    entries = read_hashes(workspace, folder)
    if entries is None:
        return None
    there = workspace.stats(folder)
    for name, entry in entries.items():
        if only is None or name in only:
            path = f"{folder}/{name}".lstrip("/")
            reason = _reason(workspace, path, entry, there.get(name), sizes_alone)
            if reason:
                return f"{workspace.show(path)}: {reason}"
    return None


def changed_files(workspace: Workspace, folder: str) -> dict[str, str | None] | None:
    """Return for each file that has a hash what is wrong with it, None if nothing is; all of them are read.

    Returns None for a folder of an older version.

    Raises:
        DamagedError: if the hashes themselves are damaged.
    """
    entries = read_hashes(workspace, folder)
    if entries is None:
        return None
    there = workspace.stats(folder)
    return {name: _reason(workspace, f"{folder}/{name}", entry, there.get(name)) for name, entry in entries.items()}


def refuse_changed(workspace: Workspace, folder: str, only: Sequence[str] | None = None) -> None:
    """Raise `DamagedError` if a file of a model folder is not as it was published.

    A local file that has not changed is read once per process. In an object store only sizes are compared here:
    whoever loads the model reads all of it and compares the hashes then.
    """
    reason = changed_file(workspace, folder, only, sizes_alone=not workspace.is_local and only is None)
    if reason:
        raise DamagedError(f"{reason}; {_remedy(workspace, folder)}")


def refuse_other_bytes(workspace: Workspace, folder: str, files: Mapping[str, Path]) -> None:
    """Raise `DamagedError` if copies of a folder's files (name -> path here) are not what was published."""
    for name, entry in (read_hashes(workspace, folder) or {}).items():
        if name in files and hash_of(files[name].read_bytes())["sha256"] != entry.get("sha256"):
            path = f"{folder}/{name}".lstrip("/")
            raise DamagedError(f"{workspace.show(path)}: was changed or cut; {_remedy(workspace, folder)}")


def _remedy(workspace: Workspace, folder: str) -> str:
    return (
        f"restore it, or delete the folder {workspace.show(folder)} to make it again (of a teacher, its labels too: "
        f"--relabel); if it was changed on purpose, delete {HASHES} in it and the folder is used as it is"
    )


def _reason(workspace: Workspace, path: str, entry: Any, there: Stat | None, sizes_alone: bool = False) -> str | None:
    if not isinstance(entry, dict) or entry.keys() != {"size", "sha256"}:
        return f"has no hash in {HASHES}"
    if there is None:
        return "is not there"
    if there.size != entry["size"]:
        return f"was changed or cut: it has {there.size:,} bytes, {entry['size']:,} were published"
    if sizes_alone:
        return None
    stamp = Stamp(workspace.show(path), there.size, there.modified)
    found = known_hash(stamp)
    if found is None:
        found = workspace.sha256(path)
        remember(stamp, found)
    return None if found == entry["sha256"] else "was changed: its bytes do not match its hash"
