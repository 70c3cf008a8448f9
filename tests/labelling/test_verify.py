"""The audit finds every kind of damage, and nothing in a store that is whole."""

import numpy as np
import pyarrow as pa
import pytest

from tmkd.labelling.verify import verify
from tmkd.soft_labels.store import LabelStore

SHARD = "part-00001.parquet"


def faults(bench) -> list[tuple[str, str]]:
    return [(f.shard, f.reason) for f in verify(bench.workspace, bench.corpus, ["train", "dev"], ["t", "nobody"])]


def store_of(bench) -> LabelStore:
    return LabelStore(bench.workspace, "tiny", "train", "t")


def flip(bench) -> None:
    path = bench.workspace.local_path(f"soft_labels/tiny/train/t/{SHARD}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def truncate(bench) -> None:
    path = bench.workspace.local_path(f"soft_labels/tiny/train/t/{SHARD}")
    path.write_bytes(path.read_bytes()[:-1])


def lose(bench) -> None:
    bench.workspace.delete(f"soft_labels/tiny/train/t/{SHARD}")


def swap(bench) -> None:
    """A whole, well hashed shard of this very store, but another one's."""
    ids, logits = store_of(bench).read("part-00002.parquet")
    store_of(bench).publish(SHARD, ids, logits)


def silence(bench) -> None:
    ids, logits = store_of(bench).read(SHARD)
    logits[3] = np.nan
    store_of(bench).publish(SHARD, ids, logits)


def old(bench) -> None:
    path = f"soft_labels/tiny/train/t/{SHARD}"
    table = bench.workspace.read_table(path)
    bench.workspace.publish_table(path, table.replace_schema_metadata({b"tmkd.store": b"0123456789abcdef"}))


DAMAGE = {
    flip: "truncated or changed",
    truncate: "truncated or changed",
    lose: f"{SHARD} is not there",
    swap: "60 id(s) of the corpus are missing",
    silence: "1 row(s) have no score, but 0 are in rejected/tiny",
    old: "was made by 0123456789abcdef, the store by",
}


def test_a_whole_store_has_no_faults(labelled) -> None:
    assert faults(labelled) == []


@pytest.mark.parametrize("damage", list(DAMAGE), ids=lambda damage: damage.__name__)
def test_damage_is_named(damage, copy) -> None:
    damage(copy)
    ((shard, reason),) = faults(copy)
    assert shard == SHARD and DAMAGE[damage] in reason


def test_a_file_of_no_shard_is_named(copy) -> None:
    copy.workspace.publish_table("soft_labels/tiny/train/t/part-00099.parquet", pa.table({"id": [1]}))
    assert faults(copy) == [("part-00099.parquet", "is of no shard of the corpus")]
