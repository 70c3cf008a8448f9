"""SIGKILL of an actor or of the driver loses nothing: the same command again gives the bytes of a quiet run."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import ray
from test_pipeline import contents, label
from tiny_teachers import bert_classifier, write_corpus
from tmkd.workspace import Workspace

SHARDS = {"train": 12}
ROWS = 60
DRIVER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from test_pipeline import label
from tiny_teachers import write_corpus
from tmkd.workspace import Workspace
workspace = Workspace.open({workspace!r})
label(workspace, write_corpus(workspace, {shards!r}, rows={rows}), Path({model!r}), splits=["train"], batch_tokens=32)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return bert_classifier(tmp_path_factory.mktemp("teacher") / "m", num_labels=2)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, model, ray_session) -> dict[str, bytes]:
    workspace = Workspace.open(str(tmp_path_factory.mktemp("quiet")))
    label(workspace, write_corpus(workspace, SHARDS, rows=ROWS), model, splits=["train"], batch_tokens=32)
    return contents(workspace)


def published(workspace: Workspace) -> list[str]:
    return workspace.list("soft_labels/tiny/train/t", suffix=".parquet")


def scorers() -> list[int]:
    """Return the process ids of this session's teacher actors."""
    job = ray.get_runtime_context().get_job_id()
    actors = ray._private.state.actors().values()
    return [a["Pid"] for a in actors if a["State"] == "ALIVE" and "Score" in a["ActorClassName"] and a["JobID"] == job]


def wait_for(workspace: Workspace, shards: int, seconds: float = 60.0) -> int:
    """Wait until so many shards are published; return how many there are."""
    stop = time.monotonic() + seconds
    while len(published(workspace)) < shards and time.monotonic() < stop:
        time.sleep(0.01)
    return len(published(workspace))


def test_a_killed_actor_loses_nothing(tmp_path, model, quiet) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, SHARDS, rows=ROWS)
    killed: list[int] = []

    def kill() -> None:
        wait_for(workspace, 2)
        for pid in scorers():
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    report = label(workspace, corpus, model, splits=["train"], batch_tokens=32)
    thread.join()
    assert killed and report.pairs == 12 * ROWS
    assert contents(workspace) == quiet


def test_a_killed_driver_loses_only_what_was_in_flight(tmp_path, model, quiet) -> None:
    workspace = Workspace.open(str(tmp_path))
    code = DRIVER.format(
        paths=[str(Path(__file__).parent), str(Path(__file__).parents[1])], workspace=str(tmp_path), shards=SHARDS,
        rows=ROWS, model=str(model),
    )  # fmt: skip
    environment = os.environ | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    driver = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        assert wait_for(workspace, 3) >= 3
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    time.sleep(1.0)
    done = len(published(workspace))
    assert 3 <= done < 12
    report = label(workspace, write_corpus(workspace, SHARDS, rows=ROWS), model, splits=["train"], batch_tokens=32)
    assert report.shards_skipped >= 3 and report.shards_done + report.shards_skipped == 12
    assert contents(workspace) == quiet
