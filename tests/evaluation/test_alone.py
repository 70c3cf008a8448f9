from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tmkd.evaluation import alone
from tmkd.evaluation.alone import QUIET, run_alone
from tmkd.placement import Placement

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
