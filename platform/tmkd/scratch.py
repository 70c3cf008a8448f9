"""Temporary files of a job: all of them in one folder, which goes with the job however the job ends.

Python's `tempfile` is pointed there, so that what libraries make goes as well. A lock tells whose process still runs:
the system lets go of it even when the process is killed, and the next job of this user then deletes the folder.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tmkd.workspace import Workspace

OF_JOB = "TMKD_SCRATCH"
"""Names the driver's folder to the workers of this machine's own cluster: theirs are in it, and go with it."""
PREFIX, LOCK = "tmkd-run-", ".lock"
YOUNG_S = 60.0
"""A folder so young may be that of a process that has not locked it yet."""
SWEEP_AFTER_S = 3600.0
"""Age of a half-written file of a workspace, on whatever machine it was, from which on nobody writes it any more."""
HALF_WRITTEN = re.compile(r"^\.(.+\.[0-9a-f]{8}\.tmp(-\w+)?|writable-[0-9a-f]{8})$")
_lasting: list[str] = []
"""Temporary folder of this process before it had a folder of its own."""
_held: list[int] = []
"""File descriptor of this process's lock."""


def use_scratch(is_worker: bool = False) -> None:
    """Make this process's temporary files in a folder of its own from now on; delete those of dead processes.

    Args:
        is_worker: of a driver, in whose folder its own is made where that is on this machine.
    """
    if _held:
        return
    _lasting.append(tempfile.gettempdir())
    parent = os.environ.get(OF_JOB) if is_worker else None
    if parent is None or not Path(parent).is_dir():
        parent = _lasting[0]
        sweep(Path(parent))
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    with suppress(OSError):  # a file system without locks: nobody sweeps there either
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    _held.append(lock)
    tempfile.tempdir = str(folder)
    if not is_worker:
        os.environ[OF_JOB] = str(folder)
    atexit.register(_remove, folder, os.getpid())


def lasting_folder() -> Path:
    """Return the temporary folder for files that are to outlive this process, such as the trace of what ended it."""
    return Path(_lasting[0] if _lasting else tempfile.gettempdir())


def sweep(root: Path) -> None:
    """Delete this user's scratch folders below ``root`` whose processes have ended without doing so."""
    for folder in root.glob(f"{PREFIX}*"):
        with suppress(OSError):
            found = folder.lstat()
            if found.st_uid == os.getuid() and time.time() - found.st_mtime > YOUNG_S and _is_free(folder / LOCK):
                shutil.rmtree(folder, ignore_errors=True)


def sweep_workspace(workspace: Workspace) -> None:
    """Delete files of a local workspace that were half written when their process was killed."""
    if not workspace.is_local:
        return
    for folder, _, names in os.walk(workspace.local_path()):
        for path in (Path(folder, name) for name in names if HALF_WRITTEN.match(name)):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > SWEEP_AFTER_S:
                    path.unlink()


def _is_free(lock: Path) -> bool:
    """Tell whether nobody holds a lock; raise `OSError` where there is none, or no telling."""
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked off
        shutil.rmtree(folder, ignore_errors=True)
