"""A job where the machine gives it less than usual: long names of temporary folders, no home, a user without a name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_runner import write_pairs

ROOT = Path(__file__).parents[2]
NAMELESS = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="tmkd-odd-", dir="/tmp"))
    yield made
    for path in (made, Path("/tmp/tmkd-54321")):
        shutil.rmtree(path, ignore_errors=True)


def test_a_job_runs_without_home_and_name_below_a_long_temporary_folder(folder: Path) -> None:
    pairs = write_pairs(folder / "pairs.tsv", 40, ("question", "passage", "label"))
    scratch = folder / "scratch-of-a-batch-system" / "somebody" / ("job-" + "1" * 60)
    scratch.mkdir(parents=True)
    may = subprocess.run([*NAMELESS, "true"], capture_output=True).returncode == 0
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "platform"), "TMPDIR": str(scratch),
        "HOME": "/proc/nobody", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [*(NAMELESS if may else []), sys.executable, str(ROOT / "jobs/prepare_corpus.py"), "--recipe", "pairs"]
    command += ["--corpus.path", str(pairs), "--workspace", str(folder / "workspace")]
    done = subprocess.run(
        command, env=environment, cwd=folder, text=True, capture_output=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "HOME (/proc/nobody) cannot be written" in done.stderr and "What was done" in done.stderr
    for leak in ("Traceback", "warning: MLflow", "logging.cc"):
        assert leak not in done.stderr, done.stderr[-3000:]
    assert {path.name for path in (folder / "workspace").iterdir()} >= {"corpora", "mlflow.db"}
    (home,) = scratch.iterdir()  # what takes the home's place; nothing else is left
    assert home.name.removeprefix("tmkd-").isdigit()
