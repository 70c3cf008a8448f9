"""Span reading in miniature: readers are trained, label and teach, and everything is judged by exact match and F1."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from job_runner import Outcome, run, write_pairs

from tmkd.text.span_scores import exact_match, f1

READERS = {"reader_1e-4", "reader_2e-4"}
STUDENT = "student:finetuned:aggregate"


def squad_files(folder: Path) -> list[str]:
    words = []
    for seed, split in enumerate(("train", "test")):
        lines = write_pairs(folder / f"{split}.tsv", 40, ("q", "p", "l"), seed=seed).read_text().splitlines()[1::2]
        paragraphs = []
        for index, (question, context, _) in enumerate(line.split("\t") for line in lines):
            text = context.split(" about ")[1].split(" and ")[0]
            answers = [{"text": text, "answer_start": context.index(text)}]
            qas = [{"id": f"{split}-{index}", "question": f"{question} {seed}", "answers": answers}]
            paragraphs.append({"context": f"{context} " * 6, "qas": qas})  # longer than a window
        (folder / f"{split}.json").write_text(json.dumps({"data": [{"title": split, "paragraphs": paragraphs}]}))
        words += [f"--corpus.paths.{split}", str(folder / f"{split}.json")]
    return words


def adversarial_file(folder: Path) -> Path:
    """Write every third test question with two variants, whose contexts hold a distracting sentence."""
    tree = json.loads((folder / "test.json").read_text())
    paragraphs = []
    for paragraph in tree["data"][0]["paragraphs"][::3]:
        for variant in ("", "-high-conf-turk0", "-high-conf-turk1"):
            (asked,) = paragraph["qas"]
            context = paragraph["context"] + ("this text is about nothing and open. " if variant else "")
            paragraphs.append({"context": context, "qas": [{**asked, "id": asked["id"].replace("-", "") + variant}]})
    path = folder / "adversarial.json"
    path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    return path


def answered(folder: Path, answers: list[str] | None) -> str:
    """Write the test questions with these answers, or as nobody has judged them; return the file."""
    tree = json.loads((folder / "test.json").read_text())
    for paragraph in tree["data"][0]["paragraphs"]:
        paragraph["qas"][0]["answers"] = answers
    path = folder / ("unjudged.json" if answers is None else "impossible.json")
    path.write_text(json.dumps(tree))
    return str(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("squad")


@pytest.fixture(scope="module")
def words(place: Path) -> list[str]:
    files = squad_files(place)
    also = [
        "--evaluation.also.adversarial.path",
        str(adversarial_file(place)),
        "--evaluation.also.adversarial.variants",
        "true",
    ]
    fewer = ["--teachers.reader_3e-4", "null"]  # two readers show what three would
    return ["--recipe", "squad", *fewer, "--fixture", "--workspace", str(place / "ws"), *files, *also]


@pytest.fixture(scope="module")
def evaluated(ray_session: None, words: list[str]) -> Outcome:
    outcome = run("evaluate", *words)
    assert outcome.status == 0, outcome.screen
    return outcome


@pytest.mark.parametrize(
    ("key", "answers", "message"),
    [
        ("corpus.paths.test", None, "evaluation.split: the test split of corpus refused has no golden answers"),
        ("corpus.paths.test", [], "reading.unanswerable: false, but 40 questions of the test split of refused have no"),
        ("evaluation.also.other.path", None, "evaluation.also.other.path: the questions of {file} have no golden"),
        ("evaluation.also.other.path", [], "false, but 40 questions of evaluation.also.other.path ({file}) have no"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_anything_is_trained(
    ray_session: None, words: list[str], place: Path, key: str, answers: list[str] | None, message: str
) -> None:
    file = answered(place, answers)
    outcome = run("evaluate", *words, "--corpus.name", "refused", f"--{key}", file)
    assert outcome.status == 2 and "Traceback" not in outcome.screen
    assert message.format(file=file) in " ".join(outcome.screen.split()), outcome.screen
    made = place / "ws/fixture"
    assert not (made / "teachers/refused").exists() and not list(made.glob("soft_labels/refused/*/reader*"))


def test_one_row_a_model_with_exact_match_and_f1(evaluated: Outcome) -> None:
    rows = {row["model"]: row for row in evaluated.result["rows"]}
    assert set(rows) == {*(f"teacher:{name}" for name in READERS), "ensemble", "baseline", STUDENT}
    assert all(0 <= row["exact_match"] <= row["f1"] <= 1 for row in rows.values())
    assert all(row["pairs_per_second"] > 0 and row["parameters"] > 0 for row in rows.values())
    assert "stage 1 · pretrain" not in evaluated.result["steps"]  # A2D has one stage


def test_the_answers_give_the_table_again(evaluated: Outcome, place: Path) -> None:
    table = pq.read_table(evaluated.result["predictions"]).to_pylist()
    assert len(table) == 40
    for row in evaluated.result["rows"]:
        pairs = [(line[row["model"]], line["references"]) for line in table]
        assert row["exact_match"] == pytest.approx(np.mean([exact_match(*pair) for pair in pairs]))
        assert row["f1"] == pytest.approx(np.mean([f1(*pair) for pair in pairs]))
    official = place / "ws/fixture/reports/squad/answers" / f"{STUDENT.replace(':', '-')}.json"
    assert json.loads(official.read_text()) == {line["id"]: line[STUDENT] for line in table}


def test_the_report_has_the_readers_and_the_question_words(evaluated: Outcome, place: Path) -> None:
    page = (place / "ws/fixture/reports/squad/report.md").read_text()
    assert "exact match" in page and "F1 of how (40)" in page
    assert "F1 of student - baseline" in evaluated.result["intervals"]


def test_of_an_adversarial_file_each_question_s_worst_variant_counts(evaluated: Outcome, place: Path) -> None:
    found = evaluated.result["also"]["adversarial"]
    table = pq.read_table(found["predictions"]).to_pylist()
    assert len(table) == 3 * 14
    for row in found["rows"]:
        worst: dict[str, float] = {}
        for line in table:
            key = line["id"].split("-")[0]
            worst[key] = min(worst.get(key, 1.0), f1(line[row["model"]], line["references"]))
        assert len(worst) == 14 and row["f1"] == pytest.approx(np.mean(list(worst.values())))
    assert "14 questions" in (place / "ws/fixture/reports/squad/adversarial/report.md").read_text()


def test_where_the_readers_look_is_stored_once_and_audited(evaluated: Outcome, place: Path, words: list[str]) -> None:
    labels = place / "ws/fixture/soft_labels"
    (shard,) = (labels / "squad/train/attention").glob("*.parquet")
    for row in pq.read_table(shard).to_pylist():
        shares = np.array(row["attention"]).reshape(-1, row["question_tokens"])  # [T, N]
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=0.01)
    clean = run("label_corpus", *words, "--verify")
    assert clean.result["faults"] == []
    assert "next: python jobs/tmkd_finetune.py --recipe squad" in clean.screen  # as it has no stage 1
    (other,) = (labels / "squad_adversarial/test/reader_1e-4").glob("*.parquet")  # of a further test file
    whole = {path: path.read_bytes() for path in (shard, other)}
    for path, content in whole.items():
        path.write_bytes(content[:-9] + b"x" + content[-8:])
    broken = run("label_corpus", *words, "--verify")
    for path, content in whole.items():
        path.write_bytes(content)
    assert broken.status == 1 and "2 fault(s)" in broken.screen
    for path in whole:
        assert f"soft_labels/{path.relative_to(labels)}: is truncated or changed" in broken.screen


def test_the_student_is_in_mlflow_as_a_model_that_answers(evaluated: Outcome, place: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{place}/ws/fixture/mlflow.db")
    models = client.search_logged_models([e.experiment_id for e in client.search_experiments()])
    assert "finetune" in {model.name for model in models}


def test_the_same_command_again_trains_nothing(evaluated: Outcome, words: list[str]) -> None:
    again = run("tmkd_finetune", *words)
    assert again.status == 0, again.screen
    assert {step["state"] for step in again.result["steps"].values()} == {"up to date"}


def test_a_recipe_without_stage_1_says_so(evaluated: Outcome, words: list[str]) -> None:
    outcome = run("tmkd_pretrain", *words)
    assert outcome.status == 2 and "pretrain.enabled" in outcome.screen and "tmkd_finetune.py" in outcome.screen
