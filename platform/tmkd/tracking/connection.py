"""One tracking address: where it is, the first-time database, and calls that may fail without harm."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tmkd import console
from tmkd.redaction import redact
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
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""How long a server may keep us waiting; MLflow's own defaults (7 retries, 120 s) stall a run for many minutes."""
REFUSALS = ("INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")
"""MLflow's codes for a server that is there and says no."""
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

    @property
    def shown(self) -> str:
        """The address as users may see it."""
        return redact(self.uri)

    def attempt(self, what: str, call: Callable[[MlflowClient], T]) -> T | None:
        """Return what ``call`` makes of the client, or None if it failed now or the connection had failed before.

        A server or database that cannot be reached is warned of once and left alone from then on. Any other fault
        costs its own call only, and one warning for each ``what``.
        """
        if not self.alive:
            return None
        try:
            return call(self._connect())
        except Exception as error:
            cause = redact(str(error) or type(error).__name__).strip().split("\n")[0][:300]
            self.alive = self._client is not None and (not self._is_remote or _is_there(error))
            if what not in self._warned:
                self._warned.add(what)
                after = "" if self.alive else "; the run goes on untracked"
                console.warn(f"MLflow at {self.shown} could not {what}: {cause}{after}")
            return None

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
            from mlflow import MlflowClient

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
    connection.artifacts = None if connection._is_remote else str(folder / "mlartifacts")
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
    """Make MLflow's SQLite database unless it is there: built beside, then linked, so never seen half-migrated."""
    with _creation:
        if path.exists():
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            store = SqlAlchemyStore(f"{SQLITE}{beside}", str(path.parent / "mlartifacts"))
            store.engine.dispose()
            with contextlib.suppress(FileExistsError):  # another process was first
                path.hardlink_to(beside)
        finally:
            beside.unlink(missing_ok=True)


def _is_there(error: Exception) -> bool:
    """Tell a server that says no, and what failed on this side of it, from one that cannot be reached."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException

    if isinstance(error, MlflowException):
        return error.error_code in REFUSALS
    return not isinstance(error, (RequestException, ConnectionError, TimeoutError))


def _cache_folder(uri: str) -> Path:
    return cache_folder("mlflow", fingerprint(uri))
