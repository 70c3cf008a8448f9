"""``label_corpus.py`` as the bulk scorer of a finished student: plan, run, audit, damage, repair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from job_runner import run, write_pairs
from transformers import AutoTokenizer, pipeline

import tmkd  # noqa: F401  (makes transformers know the student)
from tiny_teachers import student_classifier
from tmkd.corpus.manifest import CorpusManifest
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace


@pytest.fixture(scope="module")
def place(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bulk")


@pytest.fixture(scope="module")
def words(place: Path) -> list[str]:
    student = student_classifier(place / "student")
    file = write_pairs(place / "pairs.tsv", 60, ("question", "passage", ""), labelled=False)
    recipe = {
        "corpus": {"name": "bulk", "kind": "files", "path": str(file), "shard_rows": 30, "columns": {"label": None}},
        "teachers": {"student": {"model": str(student), "max_length": 64, "precision": "fp32"}},
    }
    (place / "score.yaml").write_text(yaml.safe_dump(recipe))
    return ["--recipe", str(place / "score.yaml"), "--workspace", str(place / "ws")]


@pytest.fixture(scope="module")
def planned(words: list[str]):
    price = ["--labelling.actors", "3", "--labelling.price_per_hour", "2"]
    outcome = run("label_corpus", *words, *price, "--plan")
    assert outcome.status == 0, outcome.screen
    return outcome


@pytest.fixture(scope="module")
def labelled(words: list[str], planned):
    outcome = run("label_corpus", *words)
    assert outcome.status == 0, outcome.screen
    return outcome


def test_the_plan_says_what_is_left(planned) -> None:
    plan = planned.result
    (student,) = plan["teachers"]
    assert student["teachers"] == ["student"] and student["actors"] == 3
    assert plan["shards"] == student["shards"] > 0 and plan["pairs"] == student["pairs"] > 0 and plan["bytes"] > 0
    assert plan["hours"] > 0 and plan["cost"] == pytest.approx(plan["hours"] * 3 * 2)
    assert "What labelling will take" in planned.screen


def test_the_run_stands_beside_its_plan(planned, labelled) -> None:
    assert "Plan and fact" in labelled.screen
    row = next(line for line in labelled.screen.splitlines() if "shards" in line and "│" in line)
    assert row.split("│")[2].strip() == row.split("│")[3].strip() == str(planned.result["shards"])


def test_scores_are_those_of_the_student_in_a_pipeline(words, labelled, place: Path) -> None:
    workspace = Workspace(str(place / "ws"))
    corpus = CorpusManifest.load(workspace, "bulk")
    shard = corpus.shards("unlabeled")[0]
    texts = workspace.read_table(f"corpora/bulk/unlabeled/{shard}")
    ids, logits = LabelStore(workspace, "bulk", "unlabeled", "student").read(shard)
    assert ids.tolist() == texts["id"].to_pylist()
    tokenizer = AutoTokenizer.from_pretrained(place / "student", model_max_length=64)
    score = pipeline("text-classification", model=str(place / "student"), tokenizer=tokenizer, top_k=None, device="cpu")
    pairs = [
        {"text": q, "text_pair": p}
        for q, p in zip(texts["question"].to_pylist(), texts["passage"].to_pylist(), strict=True)
    ]
    found = score(pairs, truncation=True)
    expected = [[each["score"] for each in sorted(row, key=lambda each: each["label"])] for row in found]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=2e-3)  # stored in float16


def test_an_audit_finds_a_flipped_bit_and_the_next_run_mends_it(words, labelled, place: Path) -> None:
    clean = run("label_corpus", *words, "--verify")
    assert clean.status == 0 and clean.result["faults"] == [] and clean.result["files"]["soft labels"] > 0
    file = place / "ws/soft_labels/bulk/unlabeled/student/part-00001.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + bytes([whole[100] ^ 4]) + whole[101:])
    faulty = run("label_corpus", *words, "--verify")
    assert faulty.status == 1
    assert "part-00001.parquet: is truncated or changed" in faulty.screen and "1 fault(s)" in faulty.screen
    mended = run("label_corpus", *words)
    assert mended.status == 0 and file.read_bytes() == whole
    assert run("label_corpus", *words, "--verify").status == 0


def test_what_is_not_there_cannot_be_audited(words, tmp_path: Path) -> None:
    outcome = run("label_corpus", *words[:2], "--workspace", str(tmp_path), "--verify")
    assert outcome.status == 2 and "corpus bulk: there is none in" in outcome.screen


@pytest.mark.parametrize("switches", [("--verify", "--plan"), ("--verify", "--requeue"), ("--plan", "--relabel")])
def test_switches_of_which_one_would_do_nothing_are_refused(words: list[str], switches: tuple[str, str]) -> None:
    outcome = run("label_corpus", *words, *switches)
    assert outcome.status == 2 and f"{switches[0]} and {switches[1]}" in outcome.screen


def test_a_plan_leaves_out_text_that_no_stage_learns_from(words: list[str]) -> None:
    both = [*words, "--corpus.name", "apart", "--plan"]
    outcome = run("label_corpus", *both, "--pretrain.enabled", "false")
    assert outcome.status == 0, outcome.screen
    without = outcome.result["pairs"]
    outcome = run("label_corpus", *both)
    assert outcome.status == 0, outcome.screen
    assert outcome.result["pairs"] > without
