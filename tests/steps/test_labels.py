"""What tells one signal from another: what made the labels, and which rows had none."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from tiny_teachers import write_corpus
from tmkd.errors import UserError
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.labels import best_teacher, golden_identity, signal, signals
from tmkd.workspace import Workspace


def test_rows_that_were_scored_afterwards_are_learned(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, {"train": 1}, rows=5)
    context, splits = SimpleNamespace(workspace=workspace), SimpleNamespace(name=corpus.name, splits=["train"])
    store = LabelStore(workspace, corpus.name, "train", "t")
    store.bind({"columns": 2, "weights": "w"})

    def label(*rejected: int) -> str:
        logits = np.zeros((5, 2), np.float32)
        logits[list(rejected)] = np.nan
        store.publish("part-00000.parquet", np.arange(5), logits)
        store.compact(["part-00000.parquet"])
        return signal(context, splits, ["t"]).identity

    assert label(1, 2) != label(1) != label() == label()


def test_the_best_teacher_is_one_that_has_a_weight_and_weighs_one_where_it_is_alone(tmp_path) -> None:
    """The only header at a weight of 0 would be divided by 0."""
    workspace, shard = Workspace.open(str(tmp_path)), "part-00000.parquet"
    corpus = write_corpus(workspace, {"validation": 1}, rows=8)
    labels = np.arange(8) % 2
    golden = {"id": np.arange(8), "label": labels, "grade": labels.astype(np.float32)}
    workspace.publish_table(golden_path(corpus.name, "validation", shard), pa.table(golden))
    right, wrong = (np.stack([1 - sure, sure], axis=1).astype(np.float32) for sure in (labels, 1 - labels))
    for name, logits in {"right": right, "half": right * [1, 0], "wrong": wrong}.items():
        store = LabelStore(workspace, corpus.name, "validation", name)
        store.bind({"columns": 2, "weights": name})
        store.publish(shard, np.arange(8), logits.astype(np.float32))
        store.compact([shard])
    entries = {name: SimpleNamespace(weight=weight) for name, weight in {"right": 0, "half": 2, "wrong": 3}.items()}
    student = SimpleNamespace(soft_headers="best")
    recipe = SimpleNamespace(teachers=entries, student=student, corpus=SimpleNamespace(task="pair"))
    judged = SimpleNamespace(
        name=corpus.name, splits=["validation"], classes=corpus.classes, shards=lambda split: [shard],
        has_labels=lambda split: split == "validation",
    )  # fmt: skip
    context = SimpleNamespace(workspace=workspace, recipe=recipe)
    assert best_teacher(context, judged) == "half"
    (alone,) = signals(context, judged).values()
    assert alone.teachers == ("half",) and alone.weight == 1
    student.soft_headers = "each"
    assert {name: each.weight for name, each in signals(context, judged).items()} == {"soft:half": 2, "soft:wrong": 3}


def test_a_teacher_that_scored_one_easy_row_is_not_the_best(tmp_path) -> None:
    workspace, shard = Workspace.open(str(tmp_path)), "part-00000.parquet"
    corpus = write_corpus(workspace, {"validation": 1}, rows=8)
    labels = np.arange(8) % 2
    golden = {"id": np.arange(8), "label": labels, "grade": labels.astype(np.float32)}
    workspace.publish_table(golden_path(corpus.name, "validation", shard), pa.table(golden))
    good = np.stack([1 - labels, labels], axis=1).astype(np.float32)
    good[0] = [0, 3]  # one mistake
    sparse = np.full((8, 2), np.nan, np.float32)
    sparse[7] = [0, 1]
    for name, logits in {"good": good, "sparse": sparse}.items():
        store = LabelStore(workspace, corpus.name, "validation", name)
        store.bind({"columns": 2, "weights": name})
        store.publish(shard, np.arange(8), logits)
        store.compact([shard])
    entries = {name: SimpleNamespace(weight=1) for name in ("sparse", "good")}
    judged = SimpleNamespace(
        name=corpus.name, splits=["validation"], classes=corpus.classes, shards=lambda split: [shard],
        has_labels=lambda split: split == "validation",
    )  # fmt: skip
    context = SimpleNamespace(workspace=workspace, recipe=SimpleNamespace(teachers=entries))
    assert best_teacher(context, judged) == "good"
    store = LabelStore(workspace, corpus.name, "validation", "sparse")
    store.open_again()
    store.publish(shard, np.arange(8), np.full((8, 2), np.nan, np.float32))
    store.compact([shard])
    with pytest.raises(UserError, match=r"was scored by every teacher \(sparse has scored 0\)"):
        best_teacher(context, judged)


def test_golden_labels_are_known_by_what_they_are_and_not_by_their_hash_alone(tmp_path) -> None:
    workspace, path = Workspace.open(str(tmp_path)), golden_path("c", "train", "part-00000.parquet")
    context, corpus = SimpleNamespace(workspace=workspace), SimpleNamespace(name="c")

    def identity(label: int) -> str:
        workspace.publish_table(path, pa.table({"id": [1], "label": [label], "grade": [0.0]}))
        return golden_identity(context, corpus, "train")

    assert identity(0) == identity(0) != identity(1)
    file = workspace.local_path(path)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=r"golden/part-00000\.parquet: is truncated or changed.*--remake"):
        golden_identity(context, corpus, "train")
