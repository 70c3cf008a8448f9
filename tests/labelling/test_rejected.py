"""When rejected rows say that the teacher is at fault: the shard or split stops, with the reasons counted."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tmkd.errors import UserError
from tmkd.labelling.job import Job, View
from tmkd.labelling.publish import publish
from tmkd.labelling.rejected import refuse_rejected
from tmkd.labelling.report import Done
from tmkd.runtimes.host import Host
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace


class Shards:
    """A split whose shards are published with some rows that have no score, as scoring hands them over."""

    def __init__(self, folder, max_rejected: float = 0.5) -> None:
        self.workspace = Workspace.open(str(folder))
        self.store = LabelStore(self.workspace, "c", "train", "t")
        self.store.bind({"weights": "w"})
        bound = {("train", "t"): str(self.store.fingerprint)}
        self.job = Job(
            self.workspace, "c", {"train": "f"}, "passage", {"t": View(None, {}, [0, 1])}, bound,
            TeacherConfig(model="m"), "m", Host("cpu", "fp32"), 1, "task", 3, max_rejected,
        )  # fmt: skip
        self.done = Done()

    def publish(self, shard: str, rows: int, bad: int, reason: str | None = None) -> str:
        """Publish a shard whose first rows are bad; return what stops the run."""
        texts = [f"text {row}" for row in range(rows)]
        table = pa.table({"id": list(range(rows)), "question": texts, "passage": texts})
        self.workspace.publish_table(f"corpora/c/train/{shard}", table)
        logits = np.where(np.arange(rows)[:, None] < bad, np.nan, np.ones((rows, 2))).astype(np.float32)
        faults = {row: reason.format(row) for row in range(bad // 2)} if reason else {}
        row = {
            "split": "train", "shard": shard, "teachers": ["t"], "ids": np.arange(rows), "t:logits": logits,
            "t:faults": json.dumps(faults), "scoring": 0.0, "reading": 0.0, "too_large": 0,
        }  # fmt: skip
        found = publish(row, self.job)
        if not found["fault"]:
            self.done.add(found)
        return found["fault"]

    def check(self, shards: list[str]) -> None:
        listed = self.workspace.show("rejected/c")
        refuse_rejected(self.store, shards, self.done, ("train", "t"), self.job.max_rejected, listed)


def test_a_shard_with_mostly_bad_rows_is_not_labelled_and_its_reasons_are_counted(tmp_path) -> None:
    shards = Shards(tmp_path)
    said = shards.publish("a.parquet", 100, 60, "IndexError: place {}")
    assert said.startswith(
        "teacher t on train/a.parquet: 60 of 100 rows could not be scored (30 x IndexError: place N; "
    )
    assert "30 x score is not finite), more than labelling.max_rejected 0.5 allows" in said
    assert not shards.workspace.exists(f"{shards.store.folder}/a.parquet")
    assert shards.workspace.read_table("rejected/c/train-t-a.parquet").num_rows == 60


@pytest.mark.parametrize(("rows", "bad"), [(1000, 100), (100, 50), (1, 1), (3, 2)])
def test_a_tenth_of_bad_rows_and_the_last_few_rows_of_a_split_stop_nothing(tmp_path, rows: int, bad: int) -> None:
    shards = Shards(tmp_path)
    assert shards.publish("a.parquet", 1000, 10) == "" == shards.publish("b.parquet", rows, bad)
    shards.check(["a.parquet", "b.parquet"])
    assert shards.store.rejected("b.parquet") == bad


def test_another_share_is_the_recipe_s(tmp_path) -> None:
    assert Shards(tmp_path / "strict", 0.05).publish("a.parquet", 1000, 100)
    assert not Shards(tmp_path / "lenient", 1.0).publish("a.parquet", 100, 100)


def test_a_split_of_small_bad_shards_is_refused_and_their_labels_withdrawn(tmp_path) -> None:
    shards, names = Shards(tmp_path), [f"{name}.parquet" for name in "abc"]
    for name, bad in zip(names, (20, 20, 1), strict=True):
        assert shards.publish(name, 20, bad, "ValueError: no") == ""
    with pytest.raises(
        UserError, match=r"teacher t on train: 41 of 60 rows .*\(21 x score is not finite; 20 x ValueError"
    ):
        shards.check(names)
    assert shards.store.missing(names) == ["a.parquet", "b.parquet"]
