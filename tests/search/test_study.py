"""Ray Tune itself on a tiny world: trials train what a plain training trains, and nothing is left hanging."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter

import numpy as np
import pytest
import ray
from mlflow import MlflowClient

import stage_changes
import tiny_stages
import tiny_trials
from one_fit import weights
from tiny_stages import engine_config, make_world
from tiny_trials import FIRST, RUNGS, SPEED, Maker, study
from tmkd.search.study import run_study
from tmkd.tracking import open_tracker
from tmkd.training.plan import finished
from tmkd.training.run import train

for module in (stage_changes, tiny_stages, tiny_trials):  # workers do not find tests
    ray.cloudpickle.register_pickle_by_value(module)


# What Optuna proposes after these is its own; those that cannot be trained are asked for, not hoped for.
BROKEN = [{"shape": "encoder-2", "alpha": alpha, "learning_rate": 1e-3} for alpha in (0.3, 0.9)]
WEAK = {"shape": "encoder-2", "alpha": 0.7, "learning_rate": 1e-2}  # far above the rate of the one before it
ASKED = [*FIRST, *BROKEN, WEAK]
TRIALS = 7


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def maker(world):
    return Maker(world, missing=0.9, diverging=0.3)


@pytest.fixture(scope="module")
def tried(world, maker, ray_session):
    tracker = open_tracker(world.workspace, "tiny")
    with tracker.run("study") as parent:
        left = tracker.begin("left by a driver that was killed", parent=parent)
        asked = study(world, maker, trials=TRIALS, first=ASKED, metric="validation_cross_entropy")
        found = run_study(asked, world.workspace, tracker, parent)
    assert left.run_id
    return found


def test_every_trial_ends_and_one_that_fails_takes_none_with_it(tried) -> None:
    states = Counter(each.state for each in tried)
    assert sum(states.values()) == TRIALS and states["whole"] >= 2
    why = {0.3: "diverged: ", 0.9: "missing"}
    for each in tried:
        assert (each.state == "failed") == (each.settings["alpha"] in why)
        assert why.get(each.settings["alpha"], "") in each.reason
        assert bool(each.reason) == (each.state == "failed")
    assert {each.settings["alpha"] for each in tried} >= set(why)


def test_the_first_trials_are_the_ones_asked_for(tried) -> None:
    for asked in ASKED:  # trials run side by side, so Optuna may slip in one of its own
        settings = [each.settings for each in tried[: len(ASKED) + 2]]
        assert {**asked, "student": "encoder", "layers": int(asked["shape"][-1])} in settings


def test_a_whole_trial_is_the_plain_training_of_its_stage(world, maker, tried) -> None:
    best = next(each for each in tried if each.state == "whole" and each.settings["layers"] == 2)
    made = maker(best.settings)
    assert finished(world.workspace, made)
    assert best.result["folder"] == made.output
    alone = dataclasses.replace(made, output="alone")
    (note,) = train([alone], engine_config(validations=RUNGS), world.workspace, "alone", "alone")
    assert note["history"]["validation_accuracy"][-1][1] == best.result["validation_accuracy"]
    one, other = weights(world, "alone"), weights(world, made.output)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_weak_trial_is_stopped_and_leaves_no_student(world, maker, tried) -> None:
    (weak,) = [each for each in tried if WEAK.items() <= each.settings.items()]
    assert weak.state == "stopped"
    for each in tried:
        assert (finished(world.workspace, maker(each.settings)) is not None) == (each.state == "whole")
        assert each.state != "stopped" or 0 < each.result["training_iteration"] < RUNGS


def test_every_result_carries_its_shapes_speed(tried) -> None:
    for each in tried:
        if each.state != "failed":
            assert each.result["milliseconds"] == SPEED[each.settings["shape"]]["milliseconds"]


def test_mlflow_has_a_child_a_trial_and_none_is_left_running(world, tried) -> None:
    client = MlflowClient(f"sqlite:///{world.workspace.local_path('mlflow.db')}")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    children = {each.info.run_name.split()[-1]: each for each in runs if "shape" in each.data.params}
    assert set(children) == {each.trial for each in tried}
    for each in tried:
        child = children[each.trial]
        assert child.info.status == ("FAILED" if each.state == "failed" else "FINISHED")
        assert float(child.data.params["alpha"]) == each.settings["alpha"]
        assert child.data.metrics.get("validation_accuracy") == each.result.get("validation_accuracy")
    statuses = Counter(each.info.status for each in runs)
    assert statuses["RUNNING"] == 0 and statuses["KILLED"] == 1  # what a killed driver had left


def test_all_cpus_are_free_again(tried) -> None:
    deadline = time.monotonic() + 20
    while ray.available_resources().get("CPU", 0) < ray.cluster_resources()["CPU"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray.available_resources()["CPU"] == ray.cluster_resources()["CPU"]
