"""Runs: what a job, a study or a trial tells MLflow."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tmkd import console
from tmkd.tracking import folder_model
from tmkd.tracking.connection import OPEN, SQLITE, Connection, locate
from tmkd.workspace import Workspace, fingerprint

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tmkd.tracking.folder_model import FolderModel

T = TypeVar("T")
PARENT_TAG = "mlflow.parentRunId"
KEY_TAG = "tmkd.key"
METRICS_PER_CALL, PARAMS_PER_CALL, PARAM_LENGTH = 1000, 100, 6000
"""MLflow's limits on one ``log_batch`` call and on a parameter's value."""


@dataclass
class RunHandle:
    """One MLflow run to write to; picklable, so that rank 0 of a training in a Ray worker logs its own curves.

    No method ever raises over MLflow (see `Connection.attempt`).

    Attributes:
        run_id: MLflow's id, or None when the run could not be made; then nothing is written.
    """

    connection: Connection
    run_id: str | None

    def params(self, values: Mapping[str, Any]) -> None:
        """Log a flat mapping of parameters. One that the run has already (it was resumed) keeps its value."""

        def call(client: MlflowClient) -> None:
            from mlflow.entities import Param

            known = client.get_run(self._id).data.params
            named = {_legal(key): str(value)[:PARAM_LENGTH] for key, value in values.items()}
            fresh = [Param(key, value) for key, value in named.items() if key not in known]
            for start in range(0, len(fresh), PARAMS_PER_CALL):
                client.log_batch(self._id, params=fresh[start : start + PARAMS_PER_CALL])

        self._attempt("log parameters", call)

    def metrics(self, values: Mapping[str, float | None], step: int | None = None) -> None:
        """Log numbers of one step; None and NaN are left out."""
        self._points("log metrics", [(name, step or 0, value) for name, value in values.items() if value is not None])

    def curve(self, name: str, points: Sequence[tuple[int, float]]) -> None:
        """Log a curve of (step, value), a thousand points a call."""
        self._points(f"log the curve {name}", [(name, step, value) for step, value in points])

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table as ``<name>.json``, which MLflow's UI shows as a table."""
        data = {column: [row[index] for row in rows] for index, column in enumerate(columns)}
        self._attempt(f"log the table {name}", lambda client: client.log_table(self._id, data, f"{name}.json"))

    def text(self, text: str, artifact_file: str) -> None:
        """Log a text, a whole recipe for one, under the given artifact name."""
        self._attempt(f"log {artifact_file}", lambda client: client.log_text(self._id, text, artifact_file))

    def file(self, path: Path, artifact_path: str | None = None) -> None:
        """Log a local file, in the artifact folder ``artifact_path`` or at the top."""
        self._attempt(f"log {path.name}", lambda client: client.log_artifact(self._id, str(path), artifact_path))

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags on the run; a tag may change."""

        def call(client: MlflowClient) -> None:
            for key, value in values.items():
                client.set_tag(self._id, key, value)

        self._attempt("set tags", call)

    def model(self, describe: Callable[[], FolderModel], name: str = "student") -> str | None:
        """Log a saved Hugging Face model as an MLflow model with signature.

        Args:
            describe: says what is logged; called only where there is a run to log it to.
            name: the model's name in MLflow.

        Returns:
            Its ``models:/…`` URI for ``mlflow.pyfunc.load_model``, or None if it could not be logged.
        """

        def call(client: MlflowClient) -> str:
            return folder_model.log(client, self._id, describe(), name)

        return self._attempt(f"log the model {name}", call)

    def end(self, status: str = "FINISHED") -> None:
        """End the run as MLflow's ``FINISHED``, ``FAILED`` or ``KILLED``."""
        self._attempt("end the run", lambda client: client.set_terminated(self._id, status))

    def _points(self, what: str, points: Sequence[tuple[str, int, float]]) -> None:
        def call(client: MlflowClient) -> None:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            metrics = [Metric(_legal(n), float(v), now, int(s)) for n, s, v in points if not math.isnan(v)]
            for start in range(0, len(metrics), METRICS_PER_CALL):
                client.log_batch(self._id, metrics=metrics[start : start + METRICS_PER_CALL])

        if points:
            self._attempt(what, call)

    @property
    def _id(self) -> str:
        return self.run_id or ""

    def _attempt(self, what: str, call: Callable[[MlflowClient], T]) -> T | None:
        return self.connection.attempt(what, call) if self.run_id else None


@dataclass
class Tracker:
    """One experiment at one address; makes runs. Picklable."""

    connection: Connection
    experiment: str

    @property
    def ui_command(self) -> str | None:
        """The command that shows these runs, or None where a server does."""
        uri = self.connection.uri
        return f"mlflow ui --backend-store-uri {uri}" if uri.startswith(SQLITE) else None

    @contextmanager
    def run(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        parent: RunHandle | None = None,
        key: str | None = None,
    ) -> Iterator[RunHandle]:
        """Open a run for the block; it ends FINISHED, FAILED on an exception, KILLED on Ctrl-C.

        Args:
            name: shown in the UI.
            tags: further tags.
            parent: makes this a nested run of that one.
            key: what the run is about. If a run of the same key was left unfinished (its process was killed), it is
                continued, so that a resumed training keeps one curve; with a ``parent`` also a finished one of that
                parent, so that a report that was killed half told is not told twice.
        """
        handle = self.begin(name, tags, parent, key)
        status = "FAILED"
        try:
            yield handle
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            handle.end(status)

    def begin(
        self,
        name: str,
        tags: Mapping[str, str] | None = None,
        parent: RunHandle | None = None,
        key: str | None = None,
    ) -> RunHandle:
        """Open a run as `run` does, for whoever ends it by `RunHandle.end`."""
        labels = dict(tags or {})
        if parent is not None and parent.run_id:
            labels[PARENT_TAG] = parent.run_id
        if key is not None:
            labels[KEY_TAG] = fingerprint(key)
        run_id = self.connection.attempt(OPEN, lambda client: self._open(client, name, labels))
        return RunHandle(self.connection, run_id)

    def end_children(self, parent: RunHandle, status: str = "KILLED") -> None:
        """End the children of ``parent`` that a process left running when it was killed."""

        def call(client: MlflowClient) -> None:
            open_ones = f"tags.`{PARENT_TAG}` = '{parent.run_id}' and attributes.status = 'RUNNING'"
            for run in client.search_runs([self.experiment_id(client)], open_ones):
                client.set_terminated(run.info.run_id, status)

        if parent.run_id:
            self.connection.attempt("end what was left running", call)

    def _open(self, client: MlflowClient, name: str, tags: dict[str, str]) -> str:
        experiment_id = self.experiment_id(client)
        if KEY_TAG in tags:
            same = f"tags.`{KEY_TAG}` = '{tags[KEY_TAG]}'"
            found = client.search_runs([experiment_id], f"{same} and attributes.status != 'FINISHED'", max_results=1)
            if not found and PARENT_TAG in tags:
                told = f"{same} and tags.`{PARENT_TAG}` = '{tags[PARENT_TAG]}'"
                found = client.search_runs([experiment_id], told, max_results=1)
            if found:
                run_id = str(found[0].info.run_id)
                client.update_run(run_id, status="RUNNING", name=name)
                return run_id
        return str(client.create_run(experiment_id, tags=tags, run_name=name).info.run_id)

    def experiment_id(self, client: MlflowClient) -> str:
        """Return MLflow's id of the experiment, which is made if it is not there."""
        from mlflow.exceptions import MlflowException

        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(client.create_experiment(self.experiment, artifact_location=self.connection.artifacts))
            except MlflowException:  # another process made it meanwhile
                found = client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":  # in MLflow's UI, which keeps its name: no other can be made
            client.restore_experiment(found.experiment_id)
            console.note(
                f"MLflow: the experiment {self.experiment} had been deleted there; it is restored with its runs"
            )
        return str(found.experiment_id)


def open_tracker(workspace: Workspace, experiment: str) -> Tracker:
    """Return a tracker for ``experiment`` of ``workspace``; nothing is reached before the first run.

    See `tmkd.tracking.connection.locate` for where the runs go. That they go to this machine although the workspace
    is in an object store is said once.
    """
    connection = locate(workspace)
    if not workspace.is_local and connection.uri.startswith(SQLITE):
        console.note(f"MLflow: runs go to {connection.shown} on this machine; set MLFLOW_TRACKING_URI to share them")
    return Tracker(connection, experiment)


def _legal(name: str) -> str:
    """Return ``name`` with what MLflow refuses in names replaced by ``_``."""
    return re.sub(r"[^/\w.\- :]", "_", name)
