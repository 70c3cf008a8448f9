"""What tells one signal from another: what made the labels, and which rows had none."""

from types import SimpleNamespace

import numpy as np

from tiny_teachers import write_corpus
from tmkd.pipeline.labels import signal
from tmkd.soft_labels.store import LabelStore
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
