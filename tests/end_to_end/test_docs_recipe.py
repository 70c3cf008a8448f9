"""The main path, as the README tells it, in miniature: every job of the default recipe through the real libraries."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import damage
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from job_runner import Outcome, run
from sklearn.metrics import accuracy_score, roc_auc_score
from test_shipped_recipes import files
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import tmkd  # noqa: F401 - makes transformers know the student

KEYS = {
    "model", "kind", "stage", "header", "accuracy", "auc", "mrr10", "ndcg10", "map", "pairs_per_second", "parameters",
}  # fmt: skip
TEACHERS = {"name_and_summary", "summary", "cross_encoder"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture(scope="module")
def evaluated(ray_session: None, place: Path) -> Outcome:
    pretrained = run("tmkd_pretrain", "--fixture", "--workspace", str(place))
    assert pretrained.status == 0, pretrained.screen
    finetuned = run("tmkd_finetune", "--fixture", "--workspace", str(place))
    assert finetuned.status == 0, finetuned.screen
    assert finetuned.result["steps"]["stage 1 · pretrain"]["state"] == "up to date"
    assert finetuned.result["headers_started_anew"] == ["golden"]
    outcome = run("evaluate", "--fixture", "--workspace", str(place))
    assert outcome.status == 0, outcome.screen
    return outcome


@pytest.fixture
def copy(evaluated: Outcome, place: Path, tmp_path: Path) -> Path:
    """A copy of the finished workspace, to be changed or damaged."""
    shutil.copytree(place, tmp_path / "copy")
    return tmp_path / "copy"


def test_one_row_a_model_with_the_documented_keys(evaluated: Outcome) -> None:
    rows = evaluated.result["rows"]
    assert all(set(row) == KEYS for row in rows)
    assert {row["model"].removeprefix("teacher:") for row in rows if row["kind"] == "teacher"} == TEACHERS
    assert {"ensemble", "baseline"} <= {row["model"] for row in rows}
    headers = {"aggregate", *(f"soft:{name}" for name in TEACHERS)}
    assert {row["header"] for row in rows if row["stage"] == "pretrained"} == headers
    assert {row["header"] for row in rows if row["stage"] == "finetuned"} == {*headers, "golden"}
    assert all(row["pairs_per_second"] > 0 and row["parameters"] > 0 for row in rows)


def test_the_predictions_give_the_table_again(evaluated: Outcome) -> None:
    table = pq.read_table(evaluated.result["predictions"])
    labels = table["label"].to_numpy()
    for row in evaluated.result["rows"]:
        scores = table[row["model"]].to_numpy()
        assert row["accuracy"] == pytest.approx(accuracy_score(labels, scores > 0.5))
        assert row["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert len(set(table["id"].to_pylist())) == table.num_rows


def test_what_a_reader_decides_by_has_intervals(evaluated: Outcome) -> None:
    rows = {row["model"]: row for row in evaluated.result["rows"]}
    intervals = evaluated.result["intervals"]
    for measure in ("accuracy", "map"):
        name = f"{measure.upper() if measure == 'map' else measure} of student - baseline"
        student, baseline = rows["student:finetuned:aggregate"][measure], rows["baseline"][measure]
        assert intervals[name]["estimate"] == pytest.approx(student - baseline)
        assert intervals[name]["low"] <= student - baseline <= intervals[name]["high"]


def test_the_aggregate_is_the_mean_of_the_headers(evaluated: Outcome) -> None:
    table = pq.read_table(evaluated.result["predictions"])
    names = [r["model"] for r in evaluated.result["rows"] if r["stage"] == "finetuned" and r["header"] != "aggregate"]
    mean = np.mean([table[name].to_numpy() for name in names], axis=0)
    np.testing.assert_allclose(mean, table["student:finetuned:aggregate"].to_numpy(), atol=1e-6)


def test_each_column_is_what_the_student_says_through_that_header(evaluated: Outcome, place: Path) -> None:
    table = pq.read_table(evaluated.result["predictions"])
    shards = sorted((place / "fixture/corpora/docs/test").glob("*.parquet"))
    texts = pa.concat_tables([pq.read_table(shard) for shard in shards]).to_pandas()
    texts = texts.set_index("id").loc[table["id"].to_pylist()]
    folder = place / "fixture/students/docs/finetuned"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    pairs = (texts["question"].tolist(), texts["passage"].tolist())
    inputs = tokenizer(*pairs, truncation=True, max_length=48, padding=True, return_tensors="pt")
    with torch.inference_mode():
        said = {name: model(**inputs, header=name).logits.softmax(-1)[:, 1].numpy() for name in model.config.headers}
    for name in said:
        column = table[f"student:finetuned:{name}"].to_numpy()
        off = {other: float(np.abs(column - values).max()) for other, values in said.items()}
        assert off[name] < 0.02 and min(off, key=lambda other: off[other]) == name, off  # evaluated in bf16


def test_the_same_command_again_makes_nothing(evaluated: Outcome, place: Path) -> None:
    again = run("tmkd_finetune", "--fixture", "--workspace", str(place))
    assert {step["state"] for step in again.result["steps"].values()} == {"up to date"}


def test_mlflow_holds_parameters_curves_and_the_student(evaluated: Outcome, place: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{place}/fixture/mlflow.db")
    experiment = client.get_experiment_by_name("docs")
    runs = client.search_runs([experiment.experiment_id])
    named = {run.info.run_name: run for run in runs}
    assert named["docs"].data.params["finetune.alpha"] == "0.9"
    stage = named["stage 2 · finetune"]
    assert len(client.get_metric_history(stage.info.run_id, "finetune/loss")) >= 1
    assert all(run.info.status == "FINISHED" for run in runs)
    assert client.search_logged_models([experiment.experiment_id])


def test_the_student_runs_in_a_plain_pipeline(evaluated: Outcome, place: Path) -> None:
    script = f"""
import tmkd
from transformers import pipeline
score = pipeline("text-classification", model={str(place / "fixture/students/docs/finetuned")!r}, device="cpu")
print(score({{"text": "read a table", "text_pair": "This reads a table."}})["label"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ})
    assert done.stdout.strip() in ("relevant", "not_relevant"), done.stderr


def test_changed_teacher_settings_are_refused_while_their_labels_stand(evaluated: Outcome, place: Path) -> None:
    words = ("--fixture", "--workspace", str(place), "--teachers.summary.max_length", "40")
    outcome = run("label_corpus", *words)
    assert outcome.status == 2
    assert "max_length: 48 -> 40" in outcome.screen and "--relabel" in outcome.screen
    assert "Traceback" not in outcome.screen


def test_a_teacher_that_was_changed_on_purpose_is_refused_while_labels_of_the_one_before_stand(
    evaluated: Outcome, place: Path
) -> None:
    folder = place / "fixture/teachers/docs/cross_encoder"
    weights, hashes = folder / "model.safetensors", folder / "hashes.json"
    before = weights.read_bytes(), hashes.read_bytes()
    weights.write_bytes(before[0][:-1] + bytes([before[0][-1] ^ 1]))
    hashes.unlink()
    try:
        outcome = run("label_corpus", "--fixture", "--workspace", str(place))
    finally:
        weights.write_bytes(before[0])
        hashes.write_bytes(before[1])
    assert outcome.status == 2
    assert "weights:" in outcome.screen and "fingerprint" in outcome.screen and "Traceback" not in outcome.screen


def test_stage_2_of_another_corpus_starts_from_this_stage_1(evaluated: Outcome, place: Path, tmp_path: Path) -> None:
    """Three classes and teachers of their own: the encoder is inherited, the headers are new."""
    words = ["--recipe", "mnli", "--fixture", "--workspace", str(place), *files("mnli", tmp_path)]
    nowhere = run("tmkd_finetune", *words, "--finetune.starts_from", "students/none/pretrained")
    assert nowhere.status == 2 and "is no student of this workspace; train it first" in nowhere.screen
    other_shape = run("tmkd_finetune", *words, "--student.layers", "1")
    assert other_shape.status == 2 and "has layers 2, but student.layers is 1" in other_shape.screen
    outcome = run(
        "tmkd_finetune", *words, "--teachers", "{only: {model: " + str(place / "fixture/fixture/base") + ", train: {}}}"
    )
    assert outcome.status == 0, outcome.screen
    assert set(outcome.result["headers_started_anew"]) == {"golden", "soft:only"}
    config = json.loads((place / "fixture" / outcome.result["student"] / "config.json").read_text())
    assert list(config["id2label"].values()) == ["contradiction", "neutral", "entailment"]
    assert "stage 1 · pretrain" not in outcome.result["steps"]


def test_another_alpha_trains_stage_2_only(copy: Path) -> None:
    words = ("--fixture", "--workspace", str(copy), "--finetune.alpha", "1.0")
    outcome = run("tmkd_finetune", *words)
    assert outcome.status == 0, outcome.screen
    made = {name for name, step in outcome.result["steps"].items() if step["state"] == "made"}
    assert made == {"stage 2 · finetune"}
    assert "final_golden" not in outcome.result


def test_an_audit_of_a_whole_workspace_has_no_faults(evaluated: Outcome, place: Path) -> None:
    outcome = run("label_corpus", "--fixture", "--workspace", str(place), "--verify")
    assert outcome.status == 0 and outcome.result["faults"] == outcome.result["unchecked"] == []
    assert all(outcome.result["files"].values()), outcome.result["files"]


def test_an_audit_names_every_damaged_file_and_changes_nothing(copy: Path) -> None:
    kinds = [kind for kind in damage.FILES if kind != "base"]  # without it no miniature starts
    files = [damage.path_of(copy / "fixture", kind) for kind in kinds]
    for file in files:
        damage.flip(file)
    before = damage.contents(copy / "fixture")
    outcome = run("label_corpus", "--fixture", "--workspace", str(copy), "--verify")
    assert outcome.status == 1 and damage.contents(copy / "fixture") == before
    for file in files:
        assert f"{file.relative_to(copy / 'fixture')}: " in outcome.screen, outcome.screen
    assert f"{len(files)} fault(s) in" in outcome.screen


@pytest.mark.parametrize("how", [damage.flip, damage.cut], ids=lambda how: how.__name__)
@pytest.mark.parametrize("kind", [kind for kind in damage.FILES if kind != "soft labels"])  # see test_label_job.py
def test_a_job_refuses_a_damaged_file_or_makes_it_again(copy: Path, kind: str, how: Callable[[Path], None]) -> None:
    file = damage.path_of(copy / "fixture", kind)
    whole = file.read_bytes()
    how(file)
    outcome = run("tmkd_finetune", "--fixture", "--workspace", str(copy))
    if kind in damage.REFUSED:
        assert outcome.status == 2 and file.name in outcome.screen, outcome.screen
        assert damage.REFUSED[kind] in " ".join(outcome.screen.split())
        assert "Traceback" not in outcome.screen and len(outcome.screen) < 2300  # its lines before the message, too
        return
    assert outcome.status == 0, outcome.screen
    if kind != "tokens":  # those of a split that is not judged are read by a training alone
        assert file.read_bytes() == whole


def test_a_workspace_of_an_older_version_is_up_to_date_and_says_what_cannot_be_checked(copy: Path) -> None:
    damage.age(copy / "fixture")
    audit = run("label_corpus", "--fixture", "--workspace", str(copy), "--verify")
    assert audit.status == 0 and audit.result["faults"] == []
    unchecked = ("corpora/docs/manifest.json", "teachers/docs/cross_encoder", "students/docs/finetuned")
    assert set(unchecked) < set(audit.result["unchecked"])
    again = run("tmkd_finetune", "--fixture", "--workspace", str(copy))
    assert {step["state"] for step in again.result["steps"].values()} == {"up to date"}


def test_a_workspace_that_was_moved_goes_on_and_its_models_are_found(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    moved = copy.rename(copy.with_name("moved")) / "fixture"
    again = run("tmkd_finetune", "--fixture", "--workspace", str(moved.parent))
    assert {step["state"] for step in again.result["steps"].values()} == {"up to date"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{moved}/mlflow.db")
    client = mlflow.MlflowClient()
    experiments = [client.get_experiment_by_name("docs").experiment_id]
    logged = next(each for each in client.search_logged_models(experiments) if each.name == "finetune")
    assert logged.artifact_location.startswith(str(moved))
    scores = mlflow.pyfunc.load_model(f"models:/{logged.model_id}").predict(logged_example())
    assert list(scores.columns) == ["not_relevant", "relevant"]


def logged_example() -> pd.DataFrame:
    return pd.DataFrame({"question": ["read a table"], "passage": ["This reads a table."]})
