"""Folders of this user on this machine: caches, and short paths for sockets; with a way out where none can be written.

Containers run under user ids without a home, homes are read-only, and batch systems give temporary folders with long
names. A job runs all the same: it takes a private folder below the temporary one.
"""

from __future__ import annotations

import getpass
import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

from tmkd.console import note
from tmkd.errors import UserError

SHORT_PLACES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - only ever a private folder below them
MAX_SOCKET_PATH = 103
"""Bytes of a socket's path that every system allows: 107 on Linux, 103 on macOS."""
CACHES = {"XDG_CACHE_HOME": ".cache", "MPLCONFIGDIR": ".config/matplotlib"}
"""What libraries write below a home in passing -> where, relative to it."""


def prepare_home() -> None:
    """Give this process and its children a home for caches where HOME is missing or cannot be written.

    A home that is only read-only stays the home, as models may be read from it; caches go elsewhere. Call it before
    libraries are imported that look for their caches then.
    """
    if not _has_name():
        os.environ.setdefault("USER", f"uid{os.getuid()}")  # what getpass, and so torch and MLflow, ask first
    home = _home()
    if home is not None and _can_write(home):
        return
    private = private_folder()
    if home is None or not home.is_dir():
        os.environ["HOME"] = str(private)
    missing = {name: private / place for name, place in CACHES.items() if not os.environ.get(name)}
    os.environ.update({name: str(place) for name, place in missing.items()})
    if missing:
        note(f"HOME ({home or 'not set'}) cannot be written: caches of this machine go to {private}")


def cache_folder(*parts: str) -> Path:
    """Return the folder ``tmkd/<parts>`` of this user's caches, made now; below the temporary folder if it must be."""
    home = _home()
    root = Path(os.environ["XDG_CACHE_HOME"]) if os.environ.get("XDG_CACHE_HOME") else home and home / ".cache"
    for place in (root, None):
        folder = (private_folder() if place is None else place / "tmkd").joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise UserError("no folder for caches can be written; set XDG_CACHE_HOME to one that can")


def socket_root(beneath: int) -> Path | None:
    """Return a private folder with a short path for sockets; None where the usual temporary folder is short enough.

    Args:
        beneath: characters of the longest path of a socket below the folder.

    Raises:
        UserError: if neither the usual folder nor any other is short enough and can be written.
    """
    name = next((name for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)), "TMPDIR")
    usual = Path(os.environ.get(name) or SHORT_PLACES[0])
    most = MAX_SOCKET_PATH - beneath
    if len(os.fsencode(usual)) <= most and _can_be_made(usual):
        return None
    for place in SHORT_PLACES:
        if Path(place).is_dir() and os.access(place, os.W_OK | os.X_OK):
            return private_folder(place)
    raise UserError(
        f"{name}: {usual} cannot be written or is too long for sockets (at most {most} characters); "
        "set RAY_TMPDIR to a short folder that can be written"
    )


@lru_cache
def private_folder(place: str | None = None) -> Path:
    """Return a folder of this user's own below ``place``, by default the temporary folder; nobody else may look in.

    It is the same for every process of this user, unless somebody else has taken its name.
    """
    root = Path(place or tempfile.gettempdir())
    folder = root / f"tmkd-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        found = None
    if found and stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"tmkd-{os.getuid()}-", dir=root))


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # HOME is not set, and no such user is known
        return None


def _has_name() -> bool:
    try:
        return bool(getpass.getuser())
    except (KeyError, OSError):
        return False


def _can_write(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _can_be_made(folder: Path) -> bool:
    """Tell whether a folder is there, or could be made, and can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return _can_write(folder)
