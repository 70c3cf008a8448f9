"""Single logits are calibrated where golden labels can tell positives from negatives, else without them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tiny_teachers import write_corpus
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.labels import calibrate, calibration_split
from tmkd.workspace import Workspace

SHARD = "part-00000.parquet"


def setting(folder, labels: list[int | None], kind: str = "bi_encoder", stage_1: bool = True) -> tuple[Any, Any]:
    """Return a context and a corpus of 8 labelled and 8 unlabeled rows, all scored by one teacher with one logit."""
    workspace = Workspace.open(str(folder))
    corpus = write_corpus(workspace, {"train": 1, "unlabeled": 1}, rows=8)
    golden = {"id": np.arange(8), "label": pa.array(labels, pa.int64()), "grade": pa.nulls(8, pa.float32())}
    workspace.publish_table(golden_path(corpus.name, "train", SHARD), pa.table(golden))
    rows = {"train": (np.arange(8), np.arange(8) + 10.0), "unlabeled": (8 + np.arange(8), np.arange(8.0))}
    for split, (ids, scores) in rows.items():
        store = LabelStore(workspace, corpus.name, split, "t")
        store.bind({"columns": 1})
        store.publish(SHARD, ids, scores[:, None].astype(np.float32))
    recipe = SimpleNamespace(teachers={"t": SimpleNamespace(kind=kind)}, pretrain=SimpleNamespace(enabled=stage_1))
    known = SimpleNamespace(
        name=corpus.name, splits=["train", "unlabeled"], shards=lambda split: [SHARD], rows=lambda split: 8,
        has_labels=lambda split: split == "train" and any(label is not None for label in labels),
    )  # fmt: skip
    return SimpleNamespace(workspace=workspace, recipe=recipe), known


@pytest.mark.parametrize(
    ("labels", "stage_1", "split", "source", "rows"),
    [
        ([0, 1] * 4, True, "train", "golden", 8),
        ([1] * 8, True, "unlabeled", "unlabelled", 8),
        ([1] * 7 + [None], True, "unlabeled", "unlabelled", 8),
        ([1] * 8, False, "train", "unlabelled", 8),  # without a stage 1 teachers do not label the other
    ],
)
def test_positives_alone_are_no_golden_labels_to_calibrate_on(tmp_path, labels, stage_1, split, source, rows) -> None:
    context, corpus = setting(tmp_path, labels, stage_1=stage_1)
    assert calibration_split(context, corpus) == split
    found = calibrate(context, corpus, "t")
    assert (found.source, found.rows) == (source, rows)
    if split == "unlabeled":
        assert found.scale * 3.5 + found.shift == pytest.approx(0)  # the mean of its scores is undecided


def test_negatives_that_the_teacher_could_not_score_are_none(tmp_path) -> None:
    context, corpus = setting(tmp_path, [1] * 7 + [0], kind="classifier")
    store = LabelStore(context.workspace, corpus.name, "train", "t")
    scores = np.arange(8, dtype=np.float32)[:, None]
    scores[7] = np.nan
    store.publish(SHARD, np.arange(8), scores)
    assert calibrate(context, corpus, "t").source == "identity"  # a reranker's logit is one as it is
