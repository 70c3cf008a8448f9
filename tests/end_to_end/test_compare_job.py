"""``jobs/compare.py`` in miniature: cells share what they can, the page stands alone, and a kill changes nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from job_runner import Outcome, run, write_views
from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["golden", "m-o-m", "mkd", "tmkd", "tmkd · α 0.3"]
GRIDS = [{"regimes": NAMES[:4]}, {"alphas": [0.3, 0.9]}, {"unlabeled_rows": [1_000_000]}]
"""The last one asks for more text than there is, and so for the students of tmkd once more."""


def recipe(folder: Path) -> list[str]:
    return [*write_views(folder, compare={"grids": GRIDS}), "--seeds", "2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def compared(ray_session: None, place: Path) -> Outcome:
    outcome = run("compare", *recipe(place))
    assert outcome.status == 0, outcome.screen
    return outcome


def lines(outcome: Outcome) -> dict[str, dict[str, Any]]:
    return {line["name"]: line for line in outcome.result["lines"]}


def test_every_cell_and_teacher_has_its_line(compared: Outcome) -> None:
    assert list(lines(compared)) == ["teacher whole", "teacher blind", "ensemble", *NAMES]
    for name in NAMES:
        line = lines(compared)[name]
        assert len(line["by_seed"]) == 2
        assert line["over_questions"]["low"] <= np.mean(line["by_seed"]) <= line["over_questions"]["high"]
        assert line["pairs_per_second"] > 0
    of = {name: lines(compared)[name]["parameters"] for name in NAMES}
    assert of["m-o-m"] == of["golden"] + of["mkd"]  # two students, each with a golden header and one of a teacher
    claims = {(each["better"], each["worse"]) for each in compared.result["findings"]}
    assert claims == {("tmkd", "golden"), ("tmkd", "m-o-m"), ("tmkd", "mkd")}
    assert len(compared.result["pairs"]) == 15  # any two of five students and the ensemble


def test_figures_are_those_of_the_stored_scores(compared: Outcome, place: Path) -> None:
    workspace = place / "fixture"
    labels = np.concatenate(
        [
            pq.read_table(path)["label"].to_numpy()
            for path in sorted((workspace / "soft_labels/views/test/golden").glob("*.parquet"))
        ]
    )
    for name in ("golden", "m-o-m"):
        for students, accuracy in zip(lines(compared)[name]["students"], lines(compared)[name]["by_seed"], strict=True):
            scores = [np.load(next((workspace / folder).glob("scores-test-*.npy"))) for folder in students]
            assert len(scores) == {"golden": 1, "m-o-m": 2}[name]
            assert accuracy == pytest.approx(float((np.mean(scores, axis=0).argmax(axis=1) == labels).mean()))


def test_cells_share_stage_1_and_seeds_do_not(compared: Outcome, place: Path) -> None:
    """golden, mkd, two of m-o-m; tmkd with two alphas after one stage 1: seven students in all a seed."""
    assert len(list((place / "fixture/students/views/cells").iterdir())) == 2 * (1 + 1 + 2 + 2 + 1)
    students = [folder for name in NAMES for seed in lines(compared)[name]["students"] for folder in seed]
    assert len(students) == len(set(students)) == 12


def test_regimes_of_one_stage_take_the_steps_of_both(compared: Outcome, place: Path) -> None:
    notes = [json.loads(path.read_text()) for path in (place / "fixture/students/views/cells").glob("*/stage.json")]
    (before,) = {note["steps"] for note in notes if note["stage"] == "pretrain"}
    steps = {}
    for name in NAMES:
        for folder in lines(compared)[name]["students"][0]:
            steps[name] = json.loads((place / "fixture" / folder / "stage.json").read_text())["steps"]
    assert steps["tmkd"] == steps["tmkd · α 0.3"] > 0 < before
    assert steps["golden"] == steps["mkd"] == steps["m-o-m"] == before + steps["tmkd"]


def test_teachers_are_paid_once(compared: Outcome, place: Path) -> None:
    rows: Counter[str] = Counter()  # split -> rows labelled by both
    for teacher in ("whole", "blind"):
        for path in (place / "fixture/soft_labels/views").glob(f"*/{teacher}/*.parquet"):
            rows[path.parts[-3]] += pq.read_metadata(path).num_rows
    assert set(rows) == {"train", "validation", "test", "unlabeled"}
    assert compared.result["cost"]["paid"] == rows.total()
    of_a_seed = 4 * rows["train"] + 2 * rows["unlabeled"]  # m-o-m's two of one teacher each, mkd, tmkd twice
    assert compared.result["cost"]["alone"] == rows["validation"] + rows["test"] + 2 * of_a_seed


class Links(HTMLParser):
    """Collects what a page would load, and whether its tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [
            str(value) for name, value in attrs if name in ("src", "href") and not str(value).startswith("#")
        ]
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [str(value) for name, value in attrs if name in ("src",)]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_no_network_and_shows_every_row(compared: Outcome) -> None:
    text = Path(compared.result["page"]).read_text()
    links = Links()
    links.feed(text)
    assert links.loads == [] and links.open == []
    assert "@import" not in text and "url(http" not in text
    assert all(f"<td>{name}</td>" in text for name in NAMES)
    assert "a miniature: a random model" in text
    assert "--seeds" not in text and "--compare.seeds 2" in text  # the command to see the same again


def test_the_same_command_again_trains_nothing(compared: Outcome, place: Path) -> None:
    cells = place / "fixture/students/views/cells"
    before = {path: path.stat().st_mtime_ns for path in cells.rglob("*")}
    again = run("compare", *recipe(place))
    assert again.status == 0, again.screen
    assert before == {path: path.stat().st_mtime_ns for path in cells.rglob("*")}
    steps = {name: step["state"] for name, step in again.result["steps"].items() if name.startswith("comparison")}
    assert steps.pop("comparison · speed") == "made" and {*steps.values()} == {"up to date"}
    for name, line in lines(again).items():
        assert line["by_seed"] == lines(compared)[name]["by_seed"]


def test_mlflow_has_a_child_a_cell_and_seed(compared: Outcome, place: Path) -> None:
    client = MlflowClient(f"sqlite:///{place}/fixture/mlflow.db")
    experiment = client.get_experiment_by_name("views")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'")
    parent = next(each for each in runs if each.data.tags.get("job") == "compare")
    of_parent = [each for each in runs if each.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    cells = [each for each in of_parent if "regime" in each.data.params]
    assert sorted(each.info.run_name for each in cells) == sorted(NAMES * 2)
    assert all({"alpha", "layers", "seed", "student"} <= set(each.data.params) for each in cells)
    for each in cells:
        seed = int(each.data.params["seed"])
        assert each.data.metrics["accuracy"] == lines(compared)[each.info.run_name]["by_seed"][seed]
    assert {"comparison.html", "rows.png", "speed.png"} <= {
        Path(artifact.path).name for artifact in client.list_artifacts(parent.info.run_id, "report")
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--compare.grids", "[{layers: [9]}]"], r"student\.layers: 9 layers asked for"),
        (["--compare.grids", "[{regimes: [tdkm]}]"], "did you mean 'tmkd'|'tdkm' is none of"),
        (["--seeds", "0"], "greater than or equal to 1"),
        (["--regime", "golden"], "would hold for every cell"),
        (
            ["--compare.grids", "[{regimes: [1-o-1]}]", "--corpus.split.validation", "0", "--corpus.name", "other"],
            "best on the validation split",
        ),
        (["--compare.grids", "[{layers: [1]"], r"compare.grids: .* is not valid YAML"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    ray_session: None, place: Path, words: list[str], told: str
) -> None:
    outcome = run("compare", *recipe(place), *words)
    assert outcome.status == 2
    assert re.search(told, outcome.screen), outcome.screen


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_table(compared: Outcome, place: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "jobs/compare.py"), *recipe(tmp_path), "--json"]
    cells = tmp_path / "fixture/students/views/cells"
    for finished in (2, 9):
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + 600
        while len(list(cells.glob("*/stage.json"))) < finished:
            assert driver.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
    last = subprocess.run(command, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    page = yaml.safe_load(last.stdout.splitlines()[-1])
    assert {line["name"]: line["by_seed"] for line in page["lines"]} == {
        name: line["by_seed"] for name, line in lines(compared).items()
    }
