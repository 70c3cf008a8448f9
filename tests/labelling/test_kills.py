"""SIGKILL of an actor or of the driver loses nothing: the same command again gives the bytes of a quiet run."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
from kill_storm import driver_command, storm
from label_bench import Bench, make_bench

from tiny_teachers import write_corpus
from tmkd.errors import UserError
from tmkd.workspace import Workspace

DRIVER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from label_bench import make_bench
print(make_bench(Path({workspace!r}), Path({model!r})).label().shards_done)
"""
PATIENCE_S = 120.0
SHARDS, ROWS = 20, 150
"""Of what drivers are killed over: seconds of work after the first labels, so that they die in the midst of it."""


def scorers() -> list[int]:
    """Return the process ids of this session's teacher actors."""
    job = ray.get_runtime_context().get_job_id()
    actors = ray._private.state.actors().values()
    return [a["Pid"] for a in actors if a["State"] == "ALIVE" and "Score" in a["ActorClassName"] and a["JobID"] == job]


def wait_for(so_far: Callable[[], bool]) -> None:
    """Wait until something is so."""
    stop = time.monotonic() + PATIENCE_S
    while not so_far():
        assert time.monotonic() < stop
        time.sleep(0.005)


def on_this_ray() -> dict[str, str]:
    """Return the environment of a driver that joins the tests' own Ray."""
    return os.environ | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, teacher, ray_session) -> Path:
    """A workspace that was labelled by a driver that nobody has killed."""
    folder = tmp_path_factory.mktemp("quiet")
    subprocess.run(driver_command(folder, teacher, SHARDS, ROWS), env=on_this_ray(), check=True)
    return folder


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


def test_a_killed_driver_loses_only_what_was_in_flight(tmp_path, teacher, quiet) -> None:
    workspace = Workspace.open(str(tmp_path))
    bench = Bench(workspace, write_corpus(workspace, {"train": SHARDS}, rows=ROWS), teacher)
    driver = subprocess.Popen(driver_command(tmp_path, teacher, SHARDS, ROWS), env=on_this_ray())
    try:
        wait_for(lambda: bench.published() >= 2)
    finally:
        driver.kill()  # SIGKILL
        driver.wait()
    report = bench.label(splits=("train",))
    assert report.shards_skipped >= 2 and report.shards_done >= 1
    assert report.shards_done + report.shards_skipped == SHARDS
    assert label_files(tmp_path) == label_files(quiet)


def test_a_storm_of_kills_over_driver_and_workers_loses_nothing(tmp_path, teacher, quiet) -> None:
    command = driver_command(tmp_path, teacher, SHARDS, ROWS)
    killed = storm(command, on_this_ray(), kills=4, seed=0, driver_share=0.1)
    assert killed.total() == 4 and killed["driver"] >= 1 and killed["actor"] >= 1, killed
    assert label_files(tmp_path) == label_files(quiet)


def label_files(folder: Path) -> dict[str, bytes]:
    root = folder / "soft_labels"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".tmp"
    }


def test_two_drivers_on_one_workspace_do_no_harm(bench, labelled) -> None:
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    code = DRIVER.format(paths=paths, workspace=str(bench.workspace.local_path()), model=str(bench.model))
    other = subprocess.Popen([sys.executable, "-c", code], env=on_this_ray(), stdout=subprocess.PIPE, text=True)
    try:
        # It has then planned to label all shards, and is seconds away from the first: its actor has not started.
        wait_for(lambda: bench.workspace.exists("soft_labels/tiny/dev/t/store.json"))
        assert other.poll() is None
        report = bench.label()
        output, _ = other.communicate(timeout=PATIENCE_S)
    finally:
        other.kill()
    assert other.returncode == 0 and output.split()[-1] == "10"
    assert report.shards_done > 0 and report.shards_done + report.shards_skipped == 10
    assert bench.labels() == labelled.labels()


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no permission to mount a small file system")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_named_and_what_is_finished_is_kept(small_disk, teacher, labelled, ray_session) -> None:
    bench = make_bench(small_disk, teacher)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(ballast, ballast.stat().st_size - 120_000)  # room for some shards
    with pytest.raises(
        UserError, match=r"part-\d+\.parquet.*: cannot be written \(.*No space left on device.*make room"
    ):
        bench.label()
    ballast.unlink()
    bench.label()
    assert bench.labels() == labelled.labels()
