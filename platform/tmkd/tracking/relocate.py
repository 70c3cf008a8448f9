"""Artifacts of a workspace that was moved or copied: MLflow's database holds full paths, which would lead back.

MLflow has no call to change where the artifacts of an experiment are, and relative locations need a server of its own
scheme (``mlflow-artifacts:``). So the paths in the workspace's own database are rewritten when it is opened elsewhere.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

ARTIFACTS = "mlartifacts"
"""Folder of the artifacts, beside the database."""
PATIENCE_S = 10
PATHS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""Table -> its columns that hold places of artifacts."""


def relocate_artifacts(database: Path) -> list[str]:
    """Let a workspace's database name the artifacts beside it, wherever it was made.

    Args:
        database: ``<workspace>/mlflow.db``, whose artifacts are in ``<workspace>/mlartifacts``.

    Returns:
        The folders of artifacts that it named before; none if it was made here.
    """
    here = str(database.parent / ARTIFACTS)
    with closing(sqlite3.connect(database, timeout=PATIENCE_S)) as connection, connection:
        former = sorted(_former(connection, here))
        for table, columns in PATHS.items() if former else ():
            for column in columns:
                for old in former:
                    _rewrite(connection, table, column, old, here)
    return former


def _former(connection: sqlite3.Connection, here: str) -> set[str]:
    """Return the artifact folders, other than ``here``, that experiments are in: those called as ours are."""
    places = [str(place) for (place,) in connection.execute("SELECT artifact_location FROM experiments") if place]
    roots = {_root(place.removeprefix("file://")) for place in places if place.startswith(("/", "file:///"))}
    return {root for root in roots if root and root != here}


def _root(place: str) -> str | None:
    """Return a place up to the folder of artifacts that it is, or that it is directly in."""
    path = Path(place)
    return next((str(each) for each in (path, path.parent) if each.name == ARTIFACTS), None)


def _rewrite(connection: sqlite3.Connection, table: str, column: str, old: str, here: str) -> None:
    known = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    if column not in known:  # another version of MLflow
        return
    for prefix in (old, f"file://{old}"):
        size = len(prefix)
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608  (names from the table above)
            f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (here, size + 1, prefix, size + 1, f"{prefix}/"),
        )
