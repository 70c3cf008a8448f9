"""SIGKILL of an actor or of the driver loses nothing: the same command again gives the bytes of a quiet run."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import ray

DRIVER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from conftest import make_bench
make_bench(Path({workspace!r}), Path({model!r})).label()
"""
PATIENCE_S = 120.0


def scorers() -> list[int]:
    """Return the process ids of this session's teacher actors."""
    job = ray.get_runtime_context().get_job_id()
    actors = ray._private.state.actors().values()
    return [a["Pid"] for a in actors if a["State"] == "ALIVE" and "Score" in a["ActorClassName"] and a["JobID"] == job]


def wait_for(bench, shards: int) -> int:
    """Wait until so many shards are published; return how many there are."""
    stop = time.monotonic() + PATIENCE_S
    while bench.published() < shards and time.monotonic() < stop:
        time.sleep(0.005)
    return bench.published()


def test_a_killed_actor_loses_nothing(bench, labelled) -> None:
    killed: list[int] = []

    def kill() -> None:
        stop = time.monotonic() + PATIENCE_S
        while not killed and time.monotonic() < stop:
            for pid in scorers():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
            time.sleep(0.005)

    thread = threading.Thread(target=kill)
    thread.start()
    report = bench.label()
    thread.join()
    assert killed and report.pairs == 600
    assert bench.labels() == labelled.labels()


def test_a_killed_driver_loses_only_what_was_in_flight(bench, labelled) -> None:
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    code = DRIVER.format(paths=paths, workspace=str(bench.workspace.local_path()), model=str(bench.model))
    environment = os.environ | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    driver = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        assert wait_for(bench, 2) >= 2
    finally:
        driver.kill()  # SIGKILL
        driver.wait()
    assert bench.workspace.list("soft_labels/tiny/dev/t", suffix=".parquet") == []  # it had not come that far
    report = bench.label()
    assert report.shards_skipped >= 2 and report.shards_done + report.shards_skipped == 10
    assert bench.labels() == labelled.labels()
