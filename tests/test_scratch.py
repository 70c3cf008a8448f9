"""Temporary folders and files go with the process that made them, killed or not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tmkd import scratch
from tmkd.scratch import sweep, sweep_workspace
from tmkd.workspace import Workspace

JOB = """
import sys, tempfile, time
from tmkd.scratch import use_scratch
use_scratch()
tempfile.mkdtemp(prefix="tmkd-group-")
tempfile.NamedTemporaryFile(delete=False).write(b"x")
print("made", flush=True)
exec(sys.argv[1])
"""
WORKER = """
import ray
from pathlib import Path
from tmkd.cluster import connect
from tmkd.scratch import use_scratch
use_scratch()
connect()
@ray.remote(num_cpus=0)
class Rank:
    def __init__(self):
        from tmkd.training.loopback_group import meeting_place  # before anything else of ours runs in the worker
        self.made = str(Path(meeting_place().removeprefix("file://")).parent)
    def where(self):
        return self.made
print(ray.get(Rank.remote().where.remote()), flush=True)
"""


def start(folder: Path, code: str, *words: str) -> subprocess.Popen:
    environment = os.environ | {"TMPDIR": str(folder), "RAY_TMPDIR": "/tmp", "RAY_ADDRESS": "local"}
    environment |= {"PYTHONPATH": str(Path(scratch.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("end", ["pass", "raise ValueError", "sys.exit(3)", "raise KeyboardInterrupt"])
def test_nothing_is_left_of_a_process_that_ends(tmp_path, end) -> None:
    start(tmp_path, JOB, end).communicate(timeout=60)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_is_swept_after_by_the_next_and_a_living_one_is_not(tmp_path) -> None:
    killed, alive = start(tmp_path, JOB, "time.sleep(600)"), start(tmp_path, JOB, "time.sleep(600)")
    try:
        assert killed.stdout.readline() == alive.stdout.readline() == "made\n"
        killed.kill()
        killed.wait()
        left = list(tmp_path.iterdir())
        sweep(tmp_path)
        assert len(left) == len(list(tmp_path.iterdir())) == 2  # it may be one that is just being made
        for folder in left:
            os.utime(folder, (1, 1))
        start(tmp_path, JOB, "pass").communicate(timeout=60)
        (kept,) = tmp_path.iterdir()
        assert len(list(kept.iterdir())) == 3  # its lock, and what it has made
        alive.send_signal(signal.SIGINT)
        alive.wait(60)
        assert list(tmp_path.iterdir()) == []
    finally:
        for process in (killed, alive):
            process.kill()
            process.communicate()


def test_what_a_worker_has_made_goes_with_its_driver(tmp_path) -> None:
    output, errors = start(tmp_path, WORKER).communicate(timeout=120)
    assert output.startswith(f"{tmp_path}/tmkd-run-") and "/tmkd-group-" in output, errors
    assert list(tmp_path.iterdir()) == []


def test_half_written_files_of_a_workspace_are_swept_when_they_are_old(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    workspace.publish_bytes("corpora/a/part.tmp", b"kept")
    half = [
        tmp_path / "corpora/a/.part-00000.parquet.01234567.tmp", tmp_path / "corpora/.manifest.json.89abcdef.tmp",
        tmp_path / ".writable-01234567", tmp_path / ".mlflow.db.01234567.tmp-journal",
    ]  # fmt: skip
    new = tmp_path / "corpora/a/.part-00001.parquet.01234567.tmp"
    for path in (*half, new):
        path.write_bytes(b"half")
    for path in half:
        os.utime(path, (1, 1))
    sweep_workspace(workspace)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"part.tmp", "part.tmp.sha256", new.name}


def test_what_is_to_outlive_the_process_has_another_folder(tmp_path) -> None:
    code = "from tmkd.scratch import lasting_folder; (lasting_folder() / 'trace.log').write_text('x')"
    start(tmp_path, JOB, code).communicate(timeout=60)
    assert [path.name for path in tmp_path.iterdir()] == ["trace.log"]
