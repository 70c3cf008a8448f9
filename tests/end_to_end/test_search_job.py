"""``jobs/tmkd_search.py`` in miniature, its driver killed in the middle of the trials and started again."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from job_runner import Outcome, run, write_views
from mlflow import MlflowClient
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification

ROOT = Path(__file__).resolve().parents[2]
TRIALS = 5
SPACE = {"layers": [1, 2], "alphas": [0.3, 0.9], "learning_rates": {"low": 1e-4, "high": 1e-3}, "super_student": True}


def words(folder: Path, trials: int = TRIALS) -> list[str]:
    return [*write_views(folder, search=SPACE), "--trials", str(trials)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("search")


def finished(place: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (place / "fixture/students/views/cells").glob("*/stage.json")}


def start(place: Path, enough: int, trials: int = TRIALS) -> subprocess.Popen[bytes]:
    """Start the job; returns when so many trials are finished."""
    command = [sys.executable, str(ROOT / "jobs/tmkd_search.py"), *words(place, trials)]
    with (place / "screen").open("w") as screen:
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=screen, start_new_session=True)
    deadline = time.monotonic() + 600
    while len(finished(place)) < enough:
        assert driver.poll() is None and time.monotonic() < deadline, (place / "screen").read_text()
        time.sleep(0.1)
    return driver


def start_and_kill(place: Path, enough: int, later: float = 0.0, trials: int = TRIALS) -> dict[Path, int]:
    """Start the job and kill it some seconds after so many trials are finished; returns the finished ones."""
    driver = start(place, enough, trials)
    time.sleep(later)
    assert driver.poll() is None, "it had ended before it was killed: ask for more trials"
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    return finished(place)


@pytest.fixture(scope="module")
def killed(place: Path) -> dict[Path, int]:
    return start_and_kill(place, 1)


@pytest.fixture(scope="module")
def searched(ray_session: None, place: Path, killed: dict[Path, int]) -> Outcome:
    outcome = run("tmkd_search", *words(place))
    assert outcome.status == 0, outcome.screen
    return outcome


def check_trials(outcome: Outcome, place: Path, killed: dict[Path, int], count: int = TRIALS) -> None:
    assert {path: finished(place)[path] for path in killed} == killed
    trials = outcome.result["trials"]
    assert len(trials) == len({each["trial"] for each in trials}) == count
    states = Counter(each["state"] for each in trials)
    assert states["failed"] == 0 and states["whole"] >= 2
    assert len(finished(place)) == len({each["result"]["folder"] for each in trials if each["state"] == "whole"})


def check_mlflow(outcome: Outcome, place: Path) -> None:
    client = MlflowClient(f"sqlite:///{place}/fixture/mlflow.db")
    experiment = client.get_experiment_by_name("views")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert all(each.info.status != "RUNNING" for each in runs)
    (parent,) = [each for each in runs if each.data.tags.get("job") == "tmkd_search"]
    told = [each for each in runs if "shape" in each.data.params and each.info.status == "FINISHED"]
    assert {each.info.run_name.split()[-1] for each in told} == {each["trial"] for each in outcome.result["trials"]}
    assert len(told) == len(outcome.result["trials"])
    for each in told:
        assert each.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert {"alpha", "learning_rate", "layers"} <= set(each.data.params)
        assert {"validation_accuracy", "milliseconds", "pairs_per_second"} <= set(each.data.metrics)
    names = {Path(artifact.path).name for artifact in client.list_artifacts(parent.info.run_id, "report")}
    assert names == {"search.md", "pareto.png"}


def test_finished_trials_are_not_repeated_and_none_is_lost(
    searched: Outcome, place: Path, killed: dict[Path, int]
) -> None:
    check_trials(searched, place, killed)


def test_the_page_says_that_this_is_a_miniature(searched: Outcome) -> None:
    assert "**a miniature: a random model" in Path(searched.result["page"]).read_text()


def test_mlflow_has_one_study_with_a_child_a_trial(searched: Outcome, place: Path) -> None:
    check_mlflow(searched, place)


@pytest.mark.slow
def test_killed_twice_at_random_nothing_is_lost_and_nothing_done_twice(ray_session: None, tmp_path: Path) -> None:
    seed, many = time.time_ns(), 24
    print(f"seed {seed}")
    chance = random.Random(seed)
    first = start_and_kill(tmp_path, 1, chance.uniform(0, 2), many)
    second = start_and_kill(tmp_path, len(first) + 1, chance.uniform(0, 2), many)
    assert first.items() <= second.items()
    outcome = run("tmkd_search", *words(tmp_path, many))
    assert outcome.status == 0, outcome.screen
    check_trials(outcome, tmp_path, second, many)
    check_mlflow(outcome, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_after_a_signal_a_study_is_not_taken_for_finished(tmp_path: Path, number: int, status: int) -> None:
    """Ray Tune's own answer to Ctrl-C is to end the experiment as if it were."""
    driver = start(tmp_path, 1, trials=30)
    driver.send_signal(number)
    assert driver.wait() == status
    assert "the same command goes on from here" in (tmp_path / "screen").read_text()
    assert not list((tmp_path / "fixture/students/views").glob("search-*.json"))
    client = MlflowClient(f"sqlite:///{tmp_path}/fixture/mlflow.db")
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert "RUNNING" not in {each.info.status for each in runs}


def test_the_chosen_student_is_a_plain_one_of_the_front(searched: Outcome, place: Path) -> None:
    students = place / "fixture/students/views"
    chosen = searched.result["chosen"]
    assert chosen in searched.result["front"]
    model = AutoModelForSequenceClassification.from_pretrained(students / "chosen")
    assert model.config.num_hidden_layers == chosen["settings"]["layers"]
    assert not any("@" in name for name in model.config.headers)
    trial = load_file(place / "fixture" / chosen["folder"] / "model.safetensors")
    kept = load_file(students / "chosen/model.safetensors")
    assert trial.keys() == kept.keys() and all(np.array_equal(trial[name], kept[name]) for name in kept)


def test_the_page_shows_the_front(searched: Outcome) -> None:
    page = Path(searched.result["page"])
    text = page.read_text()
    assert (page.parent / "pareto.png").read_bytes().startswith(b"\x89PNG")
    for each in searched.result["front"]:
        assert f"| {each['settings']['shape']}" in text
    assert "--search.trials 5" in text


def test_another_limit_picks_from_the_same_trials(searched: Outcome, place: Path) -> None:
    before = finished(place)
    fastest = min(searched.result["front"], key=lambda each: each["milliseconds"])
    outcome = run("tmkd_search", *words(place), "--under-ms", str(fastest["milliseconds"] * 1.0001))
    assert outcome.status == 0, outcome.screen
    assert outcome.result["chosen"] == fastest
    assert finished(place) == before
    refused = run("tmkd_search", *words(place), "--under-ms", "0.0001")
    assert refused.status == 2
    assert re.search(r"search\.under_ms: 0\.0001, but the fastest student takes", refused.screen)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--search.layers", "[1, 9]"], r"student\.layers: 9 layers asked for"),
        (["--search.weights", "{whol: [1, 2]}"], r"search\.weights\.whol: no such teacher.*whole"),
        (["--corpus.split.validation", "0", "--corpus.name", "other"], "no golden labels in its validation split"),
        (["--search.learning_rates", "{low: 1.0e-3, high: 1.0e-4}"], "low 0.001 must be below high 0.0001"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    ray_session: None, place: Path, more: list[str], told: str
) -> None:
    outcome = run("tmkd_search", *words(place), *more)
    assert outcome.status == 2
    assert re.search(told, outcome.screen), outcome.screen
