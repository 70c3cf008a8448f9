"""The audit finds every kind of damage, and nothing in a store that is whole."""

import numpy as np
import pyarrow as pa
import pytest

from tmkd.errors import UserError
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


def move(bench) -> None:
    """The file of another shard, hash and all."""
    for suffix in ("", ".sha256"):
        data = bench.workspace.read_bytes(f"soft_labels/tiny/train/t/part-00002.parquet{suffix}")
        bench.workspace.local_path(f"soft_labels/tiny/train/t/{SHARD}{suffix}").write_bytes(data)


def silence(bench) -> None:
    ids, logits = store_of(bench).read(SHARD)
    logits[3] = np.nan
    store_of(bench).publish(SHARD, ids, logits)


def old(bench) -> None:
    path = f"soft_labels/tiny/train/t/{SHARD}"
    table = bench.workspace.read_table(path)
    bench.workspace.publish_table(path, table.replace_schema_metadata({b"tmkd.store": b"0123456789abcdef"}))


def unhash(bench) -> None:
    bench.workspace.local_path(f"soft_labels/tiny/train/t/{SHARD}.sha256").write_bytes(b"\xff\xfe")


DAMAGE = {
    flip: "truncated or changed",
    truncate: "truncated or changed",
    lose: f"{SHARD} is not there",
    unhash: "truncated or changed",
    swap: "60 id(s) of the corpus are missing",
    move: "holds the labels of part-00002.parquet",
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


@pytest.mark.parametrize("text", [None, b'{"identity"'], ids=["deleted", "cut"])
def test_labels_of_which_nothing_says_what_made_them_are_named(text, copy) -> None:
    path = copy.workspace.local_path("soft_labels/tiny/train/t/store.json")
    path.unlink() if text is None else path.write_bytes(text)
    assert faults(copy) == [("store.json", "is not there or damaged, though labels are there")]
    with pytest.raises(UserError, match=r"--relabel"):
        copy.label()
    assert copy.label(relabel=True).shards_done == 9 and faults(copy) == []


@pytest.mark.parametrize("text", [b"", b'{"rows": 540}'], ids=["cut", "false"])
def test_a_manifest_that_says_something_else_is_named(text, copy) -> None:
    copy.workspace.local_path("soft_labels/tiny/train/t/manifest.json").write_bytes(text)
    assert faults(copy) == [("manifest.json", "is cut or was edited since it was written")]
    assert copy.label().shards_done == 0 and faults(copy) == []  # the next run writes it again


def test_a_shard_in_another_s_place_is_missing(copy, labelled) -> None:
    move(copy)
    assert store_of(copy).missing(copy.corpus.shards("train")) == [SHARD]
    assert copy.label().shards_done == 1 and copy.labels() == labelled.labels()


def test_rejected_rows_must_be_those_without_a_score(copy) -> None:
    silence(copy)
    path = f"rejected/tiny/train-t-{SHARD}"
    ids, _ = store_of(copy).read(SHARD)
    copy.workspace.publish_table(path, pa.table({"id": ids[3:4]}))
    assert faults(copy) == [("manifest.json", "does not say what the shards hold")]
    copy.workspace.publish_table(path, pa.table({"id": ids[4:5]}))
    assert faults(copy) == [(SHARD, f"the rows that have no score are not those in {path}")]
    copy.workspace.local_path(path).write_bytes(b"PAR1")
    ((_, reason),) = faults(copy)
    assert reason.startswith(f"{path} is truncated or changed")


def test_a_damaged_shard_is_labelled_again_by_requeue(copy, labelled) -> None:
    truncate(copy)
    assert copy.label(requeue=True).shards_done == 1 and copy.labels() == labelled.labels()


def test_a_file_of_no_shard_is_named(copy) -> None:
    copy.workspace.publish_table("soft_labels/tiny/train/t/part-00099.parquet", pa.table({"id": [1]}))
    assert faults(copy) == [("part-00099.parquet", "is of no shard of the corpus")]
