"""ASHA within a shape: rivals are those of one's own size, and what was reached outlives the driver."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tmkd.search.race import Race
from tmkd.workspace import Workspace

METRIC = "validation_accuracy"


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.open(str(tmp_path))


def race(workspace: Workspace, mode: str = "max") -> Race:
    return Race(METRIC, mode, rungs=4, reduction=2.0, workspace=workspace, path="race.json")


def enter(one: Race, name: str, shape: str) -> SimpleNamespace:
    trial = SimpleNamespace(trial_id=name, config={"shape": shape})
    one.on_trial_add(None, trial)
    return trial


def reach(one: Race, trial: SimpleNamespace, rung: int, value: float) -> str:
    return one.on_trial_result(None, trial, {"training_iteration": rung, METRIC: value})


def test_a_shallow_trial_is_not_stopped_for_what_deep_ones_reach(workspace) -> None:
    one = race(workspace)
    for index in range(4):
        assert reach(one, enter(one, f"deep{index}", "encoder-6"), 1, 0.9) == "CONTINUE"
    assert reach(one, enter(one, "shallow", "encoder-1"), 1, 0.6) == "CONTINUE"
    assert reach(one, enter(one, "weak", "encoder-6"), 1, 0.6) == "STOP"


def test_of_a_loss_the_lower_one_is_better(workspace) -> None:
    one = race(workspace, "min")
    assert reach(one, enter(one, "first", "encoder-2"), 1, 0.4) == "CONTINUE"
    assert reach(one, enter(one, "better", "encoder-2"), 1, 0.3) == "CONTINUE"
    assert reach(one, enter(one, "worse", "encoder-2"), 1, 0.5) == "STOP"


def test_what_was_reached_outlives_the_driver(workspace) -> None:
    first = race(workspace)
    for index, value in enumerate((0.7, 0.8)):
        reach(first, enter(first, str(index), "encoder-2"), 1, value)
    again = race(workspace)
    assert reach(again, enter(again, "late", "encoder-2"), 1, 0.6) == "STOP"
    forgetful = Race(METRIC, "max", 4, 2.0, workspace, "other.json")
    assert reach(forgetful, enter(forgetful, "late", "encoder-2"), 1, 0.6) == "CONTINUE"
