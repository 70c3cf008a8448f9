from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray

from tmkd.errors import UserError
from tmkd.evaluation import alone
from tmkd.evaluation.alone import QUIET, run_alone
from tmkd.placement import Placement
from tmkd.runtimes.failures import DeviceError

BURN = "while True: pass"


@pytest.fixture
def other_work() -> Iterator[None]:
    burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(psutil.cpu_count() or 1)]
    yield
    for each in burning:
        each.kill()
        each.wait()


@pytest.fixture
def warnings(monkeypatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(alone, "warn", told.append)
    return told


def test_times_taken_beside_other_work_are_told(ray_session: None, other_work: None, warnings: list[str]) -> None:
    found, threads = run_alone(lambda task, threads: (task, threads), "a student", "timing", 1, Placement())
    assert found == "a student" and threads >= 1
    (told,) = warnings
    assert "cores were busy with other work" in told


def test_where_nothing_is_timed_it_does_not_matter(ray_session: None, other_work: None, warnings: list[str]) -> None:
    run_alone(lambda task, threads: task, "a student", "scoring", 1, Placement(), timed=False)
    assert warnings == []


def test_what_trained_just_before_is_waited_for(monkeypatch) -> None:
    shares = iter([96.0, 80.0, 4.0, 70.0])
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: next(shares))
    assert alone._wait_for_quiet() == 0.04 <= QUIET
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: 70.0)
    assert alone._wait_for_quiet() == 0.7


class BreakingDevice:
    """Fails as a broken device for its first ``times`` calls, in whatever process they are."""

    def __init__(self, notes: Path, times: int) -> None:
        self.notes, self.times = notes, times

    def __call__(self, task: str, threads: int) -> str:
        tries = len(self.notes.read_text()) if self.notes.exists() else 0
        self.notes.write_text("x" * (tries + 1))
        if tries < self.times:
            raise DeviceError("CUDA error: unspecified launch failure")
        return task


def test_a_broken_device_is_tried_again_and_then_named(ray_session: None, tmp_path: Path) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    once, ever = BreakingDevice(tmp_path / "once", 1), BreakingDevice(tmp_path / "ever", 99)
    assert run_alone(once, "a student", "scoring", 1, Placement(), timed=False) == "a student"
    with pytest.raises(
        UserError, match=r"scoring: the device failed 3 times, .*\(CUDA error: unspecified launch failure\)"
    ):
        run_alone(ever, "a student", "scoring", 1, Placement(), timed=False)
    assert len((tmp_path / "ever").read_text()) == 3
