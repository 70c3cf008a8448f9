"""Published data sets load by naming columns, with the row counts that are published for them."""

from __future__ import annotations

import pytest
from corpus_helpers import build, published_data, rows

NLI = ["entailment", "neutral", "contradiction"]


def test_wikiqa_has_its_official_counts(workspace):
    files = {"train": "WikiQA-train.txt.gz", "validation": "WikiQA-dev.txt", "test": "WikiQA-test.txt"}
    paths = {split: str(published_data("wikiqa", name)) for split, name in files.items()}
    columns = {"question": 0, "passage": 1, "label": 2}
    manifest = build(workspace, name="wikiqa", paths=paths, columns=columns, header=False)
    assert [manifest.rows(split) for split in files] == [20360, 2733, 6165]
    assert [manifest.questions(split) for split in files] == [2118, 296, 633]
    assert manifest.counts["rejected"] == {}
    positives = {split: sum(row["label"] for row in rows(workspace, manifest, split)) for split in files}
    assert positives == {"train": 1040, "validation": 140, "test": 293}


def test_wikiqa_with_header_and_question_ids(workspace):
    columns = {"question": "Question", "passage": "Sentence", "label": "Label", "question_id": "QuestionID"}
    path = str(published_data("wikiqa", "WikiQA-test.tsv"))
    manifest = build(workspace, name="w", paths={"test": path}, columns=columns)
    assert (manifest.rows("test"), manifest.questions("test"), manifest.rows("train")) == (6165, 633, 0)
    assert rows(workspace, manifest, "test")[0]["question_id"] == "Q0"


def test_rte_carves_validation_out_of_train_without_leaks(workspace):
    paths = {
        "train": str(published_data("glue", "RTE", "train.tsv")),
        "test": str(published_data("glue", "RTE", "dev.tsv")),
    }
    columns = {"question": "sentence2", "passage": "sentence1", "label": "label", "source_id": "index"}
    tree = {"name": "rte", "paths": paths, "columns": columns, "classes": ["not_entailment", "entailment"]}
    manifest = build(workspace, **tree)
    assert manifest.rows("test") == 277
    assert sum(row["label"] for row in rows(workspace, manifest, "test")) == 146
    leaked = manifest.counts["rejected"]["question also in test"]
    assert manifest.rows("train") + manifest.rows("validation") + leaked == 2490
    seen = {row["question"].lower() for split in ("train", "unlabeled") for row in rows(workspace, manifest, split)}
    held_out = {row["question"].lower() for split in ("validation", "test") for row in rows(workspace, manifest, split)}
    assert not seen & held_out
    official = build(workspace, **{**tree, "split": {"validation": 0, "shared_questions": "keep"}})
    assert official.rows("train") == 2490


def test_mrpc_has_a_byte_order_mark_and_stray_quotes(workspace):
    names = {"train": "train.tsv", "validation": "dev.tsv", "test": "msr_paraphrase_test.txt"}
    paths = {split: str(published_data("glue", "MRPC", name)) for split, name in names.items()}
    columns = {"question": "#1 String", "passage": "#2 String", "label": "Quality"}
    manifest = build(workspace, name="mrpc", paths=paths, columns=columns, classes=["different", "paraphrase"])
    assert [manifest.rows(split) for split in names] == [3667, 408, 1725]
    assert manifest.counts["rejected"] == {}
    assert manifest.rows("unlabeled") > 10 * 3667


@pytest.mark.parametrize(
    ("parts", "label", "columns", "count"),
    [
        (("snli", "dev.jsonl"), "label", ("premise", "hypothesis"), 9842),
        (("snli", "test.csv"), "gold_label", ("sentence1", "sentence2"), 9818),
        (("glue", "MNLI", "dev_matched.jsonl"), "label", ("premise", "hypothesis"), 9815),
    ],
)
def test_natural_language_inference_has_three_classes(workspace, parts, label, columns, count):
    mapping = {"question": columns[0], "passage": columns[1], "label": label}
    manifest = build(workspace, name="nli", path=str(published_data(*parts)), columns=mapping, classes=NLI)
    assert manifest.counts["rejected"] == {}
    assert sum(manifest.rows(split) for split in ("train", "validation", "test")) == count
    assert {row["label"] for row in rows(workspace, manifest, "test")} == {0, 1, 2}


def test_a_file_without_header_and_label_first(workspace):
    path = str(published_data("glue", "MNLI", "dev_mismatched_1000.tsv"))
    columns = {"label": 0, "question": 1, "passage": 2}
    manifest = build(workspace, name="nli", paths={"test": path}, columns=columns, classes=NLI, header=False)
    labels = [row["label"] for row in rows(workspace, manifest, "test")]
    assert [labels.count(index) for index in range(3)] == [346, 319, 335]
