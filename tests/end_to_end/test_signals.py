"""SIGTERM amid a job: a message, its status, no process and no open MLflow run left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from job_runner import write_views
from mlflow import MlflowClient

ROOT = Path(__file__).parents[2]


def test_sigterm_ends_a_job_its_processes_and_its_run(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "jobs/label_corpus.py"), *write_views(tmp_path)]
    screen = tmp_path / "screen"
    with screen.open("w") as stream:
        driver = subprocess.Popen(command, stdout=stream, stderr=stream)
    deadline = time.monotonic() + 300
    while "\nsoft labels" not in screen.read_text():  # a step, after Ray and MLflow have started
        assert driver.poll() is None and time.monotonic() < deadline, screen.read_text()
        time.sleep(0.1)
    children = psutil.Process(driver.pid).children(recursive=True)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=120) == 143
    shown = screen.read_text()
    assert "ended by SIGTERM; the same command goes on from here" in shown
    assert "Traceback" not in shown and "*** " not in shown, shown
    assert len(children) > 3 and not psutil.wait_procs(children, timeout=30)[1]
    client = MlflowClient(f"sqlite:///{tmp_path}/fixture/mlflow.db")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert [run.info.status for run in runs] == ["KILLED"]
