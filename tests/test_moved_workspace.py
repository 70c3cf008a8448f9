"""A workspace that was moved or copied is whole: its runs, their artifacts and models are those of the new place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tmkd import tracking
from tmkd.tracking.relocate import relocate_artifacts
from tmkd.workspace import Workspace


@pytest.fixture(autouse=True)
def _no_server_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def log(place: Path, text: str) -> str:
    """Log a run with a file; returns its id."""
    with tracking.open_tracker(Workspace.open(str(place)), "docs").run("run") as run:
        run.text(text, "notes.txt")
    assert run.run_id
    return run.run_id


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    place = tmp_path_factory.mktemp("first") / "work space"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return place, log(place, "old")


def client_of(place: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{place}/mlflow.db")


def read(place: Path, run_id: str) -> str:
    return Path(client_of(place).download_artifacts(run_id, "notes.txt")).read_text()


def files(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def test_a_copy_logs_into_itself_and_leaves_the_first_alone(first: tuple[Path, str], tmp_path: Path) -> None:
    place, run_id = first
    copy, before = tmp_path / "copy", files(place)
    shutil.copytree(place, copy)
    again = log(copy, "new")
    assert files(place) == before
    assert read(copy, again) == "new" and read(copy, run_id) == "old"
    for each in (again, run_id):
        assert client_of(copy).get_run(each).info.artifact_uri.startswith(f"{copy}/mlartifacts/")
    with MlflowDatabase(copy) as text:
        assert str(place) not in text


class MlflowDatabase:
    """All of a workspace's MLflow database as SQL text."""

    def __init__(self, place: Path) -> None:
        import sqlite3

        self.connection = sqlite3.connect(place / "mlflow.db")

    def __enter__(self) -> str:
        return "\n".join(self.connection.iterdump())

    def __exit__(self, *error: object) -> None:
        self.connection.close()


def test_old_artifacts_are_found_where_a_workspace_was_moved_to(first: tuple[Path, str], tmp_path: Path) -> None:
    place, run_id = first
    between, moved = tmp_path / "between", tmp_path / "moved"
    shutil.copytree(place, between)
    between.rename(moved)
    again = log(moved, "new")
    assert not between.exists() and read(moved, run_id) == "old" and read(moved, again) == "new"


def test_a_workspace_that_stays_where_it_is_is_not_written(first: tuple[Path, str]) -> None:
    place, _ = first
    before = (place / "mlflow.db").read_bytes()
    assert relocate_artifacts(place / "mlflow.db") == []
    assert (place / "mlflow.db").read_bytes() == before


def test_experiments_elsewhere_on_purpose_stay_there(first: tuple[Path, str], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(first[0], copy)
    own = client_of(copy).create_experiment("own", artifact_location=str(tmp_path / "own"))
    cloud = client_of(copy).create_experiment("cloud", artifact_location="s3://bucket/mlartifacts")
    assert relocate_artifacts(copy / "mlflow.db") == [str(first[0] / "mlartifacts")]
    places = [client_of(copy).get_experiment(each).artifact_location for each in (own, cloud)]
    assert places == [str(tmp_path / "own"), "s3://bucket/mlartifacts"]
