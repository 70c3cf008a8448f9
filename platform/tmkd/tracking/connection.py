"""One tracking address: where it is, the first-time database, and calls that may fail without harm."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tmkd import console
from tmkd.redaction import redact
from tmkd.tracking.relocate import ARTIFACTS, relocate_artifacts
from tmkd.user_folders import cache_folder
from tmkd.workspace import Workspace, fingerprint

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
SQLITE = "sqlite:///"
MANNERS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""How long a server may keep us waiting; MLflow's own defaults (7 retries, 120 s) stall a run for many minutes."""
REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")
"""MLflow's codes for a server that is there and says no."""
OPEN = "open a run"
"""The call without which nothing of a run is kept."""
LOCKED_S = 5.0
"""How long another process may hold a local database before a run goes on without it."""
SWEEP_AFTER_S = 3600.0
"""Age from which on a half-made database is nobody's: it takes seconds to make one."""
MOST_FAULTS = 2
"""Faults of a local database in a row after which it is left alone: each may cost as long as MLflow tries again."""
_creation = threading.Lock()


@dataclass
class Connection:
    """An MLflow address that all handles of one process share; picklable, so workers get their own.

    Attributes:
        uri: MLflow tracking URI; may hold credentials, so it is shown through `redact` only.
        artifacts: where a new experiment's artifacts go; None leaves it to the server.
        alive: False once it could not be reached; every call is a no-op from then on.
    """

    uri: str = field(repr=False)
    artifacts: str | None = None
    alive: bool = True
    _client: MlflowClient | None = field(default=None, repr=False, compare=False)
    _warned: set[str] = field(default_factory=set, repr=False, compare=False)
    _travelled: bool = field(default=False, repr=False, compare=False)
    _faults: int = field(default=0, repr=False, compare=False)

    @property
    def shown(self) -> str:
        """The address as users may see it."""
        return redact(self.uri)

    def attempt(self, what: str, call: Callable[[MlflowClient], T]) -> T | None:
        """Return what ``call`` makes of the client, or None if it failed now or the connection had failed before.

        A server or database that cannot be reached is warned of once and left alone from then on, a database that is
        locked, full or read-only after `MOST_FAULTS`. Any other fault costs its own call only, and one warning for each
        ``what``.
        """
        if not self.alive:
            return None
        try:
            found = call(self._connect())
        except Exception as error:
            self._note(what, error)
            return None
        self._faults = 0
        return found

    def _note(self, what: str, error: Exception) -> None:
        cause = redact(_reason(error))[:300]
        self._faults += _is_of_database(error)
        there = _is_there(error) if self._is_remote else self._faults < MOST_FAULTS
        self.alive = self._client is not None and there
        if what not in self._warned or not self.alive:
            self._warned.add(what)
            after = "; the run goes on untracked" if what == OPEN or not self.alive else ""
            console.warn(f"MLflow at {self.shown} could not {what}: {cause}{after}")

    @property
    def _is_remote(self) -> bool:
        return self.uri.startswith(("http", "databricks"))

    def _connect(self) -> MlflowClient:
        if self._client is None:
            os.environ.update({key: os.environ.get(key, value) for key, value in (MANNERS | PATIENCE).items()})
            if self.uri.startswith(SQLITE):
                path = Path(self.uri.removeprefix(SQLITE))
                if self._travelled and not path.exists():
                    raise FileNotFoundError(f"{path} is not on this machine; set MLFLOW_TRACKING_URI to a server")
                create_database(path)
                if self.artifacts == str(path.parent / ARTIFACTS):  # the workspace's own, not one that the user named
                    relocate_artifacts(path)
            from mlflow import MlflowClient

            logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # its traces: we tell the reason
            self._client = MlflowClient(self.uri)
        return self._client

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_client": None, "_travelled": True}


def locate(workspace: Workspace) -> Connection:
    """Return where a workspace's runs are tracked, without touching it.

    ``MLFLOW_TRACKING_URI`` decides if it is set. Else it is SQLite: ``<workspace>/mlflow.db`` with artifacts in
    ``<workspace>/mlartifacts``, or, as SQLite cannot lie in an object store, the same two in a folder of this user's
    cache (``~/.cache/tmkd/mlflow/<fingerprint of the workspace's URI>``).
    """
    given = os.environ.get("MLFLOW_TRACKING_URI")
    folder = workspace.local_path() if workspace.is_local else _cache_folder(workspace.uri)
    connection = Connection(given or f"{SQLITE}{folder / 'mlflow.db'}")
    connection.artifacts = None if connection._is_remote else str(folder / ARTIFACTS)
    return connection


def warm_up(workspace: Workspace) -> threading.Thread:
    """Import MLflow and make a local database in the background, about 2 s that nobody then waits for.

    Returns:
        The started daemon thread. `open_tracker` may be called at any time, finished or not.
    """
    connection = locate(workspace)

    def work() -> None:
        with contextlib.suppress(Exception):  # the tracker will meet the same fault and say so
            connection._connect()

    thread = threading.Thread(target=work, name="tmkd-mlflow-warm-up", daemon=True)
    thread.start()
    return thread


def create_database(path: Path) -> None:
    """Make MLflow's SQLite database unless it is there: built beside, then linked, so never seen half-migrated.

    Raises:
        sqlite3.Error: if the one that is there cannot be written.
    """
    with _creation:
        _sweep(path)
        if path.exists():
            _try(path)
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            store = SqlAlchemyStore(f"{SQLITE}{beside}", str(path.parent / ARTIFACTS))
            store.engine.dispose()
            with contextlib.suppress(FileExistsError):  # another process was first
                path.hardlink_to(beside)
        finally:
            for left in (beside, *path.parent.glob(f"{beside.name}-*")):  # SQLite's journal among them
                left.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Delete what processes that were killed while they made this database have left."""
    for left in path.parent.glob(f".{path.name}.*.tmp*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > SWEEP_AFTER_S:
                left.unlink()


def _try(path: Path) -> None:
    """Raise `sqlite3.Error` at once where MLflow would try again for minutes: locked, read-only, damaged, no file."""
    with contextlib.closing(sqlite3.connect(path, timeout=LOCKED_S, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("ROLLBACK")


def _reason(error: Exception) -> str:
    """Return the line of an error's text that tells most: SQLite's own words stand below those of its wrappers."""
    lines = (str(error) or type(error).__name__).strip().splitlines()
    return next((line for line in lines if line.startswith("(sqlite3.")), lines[0])


def _is_of_database(error: Exception) -> bool:
    """Tell a fault of SQLite's from others, through what MLflow and SQLAlchemy wrap around it."""
    return isinstance(error, sqlite3.Error) or "(sqlite3." in str(error)


def _is_there(error: Exception) -> bool:
    """Tell a server that says no, and what failed on this side of it, from one that cannot be reached."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    if isinstance(error, MlflowException):
        return error.error_code in REFUSALS
    return not isinstance(error, (RequestException, ConnectionError, TimeoutError))


def _cache_folder(uri: str) -> Path:
    return cache_folder("mlflow", fingerprint(uri))
