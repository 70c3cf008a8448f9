from __future__ import annotations

import sys
from pathlib import Path

import pytest
from corpus_helpers import build, rows, write_tsv

from tmkd.errors import UserError

pytest.importorskip("datasets", reason="the extra 'hub' is not installed")

HEADER = "question,passage,label"
COLUMNS = {"question": "question", "passage": "passage", "label": "label"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data set in the hub's layout, on disk, and a cache that goes with the test."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "dataset"
    place.mkdir()
    write_tsv(
        place / "train.csv", [HEADER, *(f"question {number},passage {number},{number % 2}" for number in range(20))]
    )
    write_tsv(place / "test.csv", [HEADER, "question x,passage x,1", "question y,,0"])
    return str(place)


def test_splits_of_the_data_set_become_ours(workspace, folder):
    manifest = build(workspace, name="hub", kind="hub", path=folder, columns=COLUMNS, mining={"enabled": False})
    assert manifest.rows("train") + manifest.rows("validation") == 20
    assert [row["question"] for row in rows(workspace, manifest, "test")] == ["question x"]
    assert manifest.counts["rejected"] == {"null passage": 1}


def test_splits_can_be_named(workspace, folder):
    tree = {"name": "hub", "kind": "hub", "path": folder, "columns": COLUMNS, "mining": {"enabled": False}}
    manifest = build(workspace, **tree, paths={"unlabeled": "train", "test": "test"})
    assert manifest.rows("train") == 0
    with pytest.raises(UserError, match=r"no split 'dev'.*its splits: (train, test|test, train)"):
        build(workspace, **tree, paths={"train": "dev"})


GLUE = """---
dataset_info:
  features:
  - {name: question, dtype: string}
  - {name: passage, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': entailment, '1': not_entailment}}}
---
"""


def test_class_numbers_are_read_by_their_names(workspace, folder):
    """As in GLUE's RTE, whose 0 is our 1."""
    Path(folder, "README.md").write_text(GLUE)
    tree = {"name": "hub", "kind": "hub", "path": folder, "columns": COLUMNS, "mining": {"enabled": False}}
    manifest = build(workspace, **tree, classes=["not_entailment", "entailment"])
    labels = {row["question"]: row["label"] for row in rows(workspace, manifest, "train")}
    assert labels and all(label == 1 - int(question.split()[1]) % 2 for question, label in labels.items())
    with pytest.raises(UserError, match=r"not_entailment is not among corpus\.classes: neutral, entailment"):
        build(workspace, **tree | {"name": "other"}, classes=["neutral", "entailment"])


def test_names_that_do_not_fit_are_refused_and_minus_one_has_no_label(workspace, folder):
    Path(folder, "README.md").write_text(GLUE.replace("not_entailment", "bad").replace("entailment", "good"))
    write_tsv(Path(folder, "test.csv"), [HEADER, "question x,passage x,1", "question y,passage y,-1"])
    tree = {"name": "hub", "kind": "hub", "path": folder, "columns": COLUMNS, "mining": {"enabled": False}}
    with pytest.raises(UserError, match=r'has the classes good, bad, but good and bad are not among .*\{"good": CLASS'):
        build(workspace, **tree)
    manifest = build(workspace, **tree, labels={"good": "relevant", "bad": "not_relevant"})
    assert [row["label"] for row in rows(workspace, manifest, "test")] == [0, None]


def test_missing_column(workspace, folder):
    with pytest.raises(UserError, match="no column 'query'"):
        build(workspace, name="hub", kind="hub", path=folder, columns={"question": "query"})


def test_unknown_id_without_network(workspace, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="'nobody/nothing-here' cannot be loaded; is the id right"):
        build(workspace, name="hub", kind="hub", path="nobody/nothing-here")


def test_missing_library(workspace, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'tmkd\[hub\]'"):
        build(workspace, name="hub", kind="hub", path=folder)
