import numpy as np
import pyarrow as pa
import pytest

from tiny_teachers import write_corpus
from tmkd.corpus.schema import GOLDEN_SCHEMA
from tmkd.errors import UserError
from tmkd.soft_labels.join import join_shard
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace

SHARD = "part-00001.parquet"


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    workspace = Workspace.open(str(tmp_path))
    write_corpus(workspace, {"train": 2}, rows=4)
    return workspace


def store(workspace: Workspace, teacher: str, ids: list[int], columns: int = 2) -> LabelStore:
    made = LabelStore(workspace, "tiny", "train", teacher)
    logits = np.arange(len(ids) * columns, dtype=np.float32).reshape(-1, columns)
    made.publish(SHARD, np.array(ids, dtype=np.int64), logits)
    return made


def test_teachers_and_golden_labels_join_by_id(workspace) -> None:
    golden = pa.table([[4, 5, 6, 7], [1, None, 0, 1], [3.0, None, 0.0, 1.0]], schema=GOLDEN_SCHEMA)
    workspace.publish_table(f"soft_labels/tiny/train/golden/{SHARD}", golden)
    stores = {"a": store(workspace, "a", [4, 5, 6, 7]), "b": store(workspace, "b", [4, 5, 6, 7], columns=1)}
    joined = join_shard(workspace, "tiny", "train", SHARD, stores)
    assert joined.ids.tolist() == [4, 5, 6, 7]
    assert joined.logits["a"].shape == (4, 2) and joined.logits["b"].shape == (4, 1)
    assert joined.labels.tolist() == [1, -1, 0, 1] and joined.labels.dtype == np.int64
    np.testing.assert_array_equal(joined.grades, np.array([3, np.nan, 0, 1], dtype=np.float32))


def test_without_golden_labels_nothing_is_judged(workspace) -> None:
    joined = join_shard(workspace, "tiny", "train", SHARD, {})
    assert (joined.labels == -1).all() and np.isnan(joined.grades).all()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([4, 5, 7], r"1 id\(s\) of the corpus are missing, the first is 6"),
        ([4, 5, 6, 7, 99], r"1 foreign id\(s\), the first is 99"),
        ([4, 6, 5, 7], r"another order: row 1 has 6, the corpus 5"),
        ([4, 5, 6, 7, 7], "more than once"),
    ],
)
def test_ids_that_do_not_fit_are_named(workspace, ids: list[int], message: str) -> None:
    with pytest.raises(UserError, match=rf"a/{SHARD}: .*{message}"):
        join_shard(workspace, "tiny", "train", SHARD, {"a": store(workspace, "a", ids)})


def test_a_golden_shard_that_is_missing_among_others_is_named(workspace) -> None:
    golden = pa.table([[0, 1, 2, 3], [1, 0, 0, 1], [1.0, 0.0, 0.0, 1.0]], schema=GOLDEN_SCHEMA)
    workspace.publish_table("soft_labels/tiny/train/golden/part-00000.parquet", golden)
    with pytest.raises(UserError, match=rf"golden/{SHARD}: missing"):
        join_shard(workspace, "tiny", "train", SHARD, {})
