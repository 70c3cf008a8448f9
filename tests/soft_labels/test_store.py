import os
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from tmkd.errors import UserError
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace

IDENTITY = {"corpus": "c0", "weights": "w0", "dtype": "fp32", "columns": 2}


@pytest.fixture
def store(tmp_path) -> LabelStore:
    return LabelStore(Workspace.open(str(tmp_path)), "c", "train", "t")


def test_labels_come_back_in_half_precision_with_nan_where_there_is_no_score(store, tmp_path) -> None:
    ids = np.array([3, 5, 9], dtype=np.int64)
    logits = np.array([[1.5, -2.0], [np.nan, 0.0], [7e4, 1.0]], dtype=np.float32)
    store.publish("part-00000.parquet", ids, logits)
    found, values = store.read("part-00000.parquet")
    np.testing.assert_array_equal(found, ids)
    np.testing.assert_array_equal(values, np.array([[1.5, -2.0], [np.nan] * 2, [np.nan] * 2], dtype=np.float32))
    assert store.rejected("part-00000.parquet") == 2
    schema = pq.read_schema(tmp_path / "soft_labels/c/train/t/part-00000.parquet")
    assert str(schema.field("logits").type) == "fixed_size_list<element: halffloat>[2]"


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_same_labels_same_bytes(store, columns: int) -> None:
    ids = np.arange(100, dtype=np.int64)
    logits = np.random.default_rng(0).normal(size=(100, columns)).astype(np.float32)
    data = []
    for _ in range(2):
        store.publish("part-00000.parquet", ids, logits)
        data.append(store.workspace.read_bytes(f"{store.folder}/part-00000.parquet"))
    assert data[0] == data[1]
    np.testing.assert_array_equal(store.read("part-00000.parquet")[1], logits.astype(np.float16).astype(np.float32))


def test_an_empty_shard(store) -> None:
    store.publish("part-00000.parquet", np.empty(0, np.int64), np.empty((0, 2), np.float32))
    ids, logits = store.read("part-00000.parquet")
    assert len(ids) == 0 and logits.shape == (0, 2)


def test_a_store_is_bound_by_its_identity(store) -> None:
    store.bind(IDENTITY)
    store.bind(dict(reversed(IDENTITY.items())))
    first = store.fingerprint
    with pytest.raises(UserError, match=r"weights: 'w0' -> 'w1'.*(?s:.)*delete that folder") as fault:
        store.bind(IDENTITY | {"weights": "w1"})
    assert first in str(fault.value) and "dtype" not in str(fault.value)
    store.clear()
    store.bind(IDENTITY | {"weights": "w1"})
    assert store.fingerprint != first


def test_labels_that_nothing_speaks_for_are_refused(store) -> None:
    store.publish("part-00000.parquet", np.arange(2), np.zeros((2, 2), np.float32))
    with pytest.raises(UserError, match=r"no store\.json"):
        store.bind(IDENTITY)


def test_missing_finds_truncated_flipped_and_absent_shards(store, tmp_path) -> None:
    names = [f"part-0000{k}.parquet" for k in range(5)]
    for name in names[:4]:
        store.publish(name, np.arange(50), np.ones((50, 2), np.float32))
    folder = tmp_path / "soft_labels/c/train/t"
    data = (folder / names[1]).read_bytes()
    (folder / names[1]).write_bytes(data[:-20])
    (folder / names[2]).write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
    (folder / f"{names[3]}.sha256").unlink()
    assert store.missing(names) == names[1:]
    assert store.fault(names[0]) is None and "truncated or changed" in store.fault(names[1])
    with pytest.raises(UserError, match=r"part-00001\.parquet: is truncated .* delete it and run jobs/label_corpus"):
        store.read(names[1])


def test_labels_that_are_not_there_say_how_to_make_them(store) -> None:
    with pytest.raises(UserError, match=r"part-00000\.parquet: no such soft labels; run jobs/label_corpus\.py"):
        store.read("part-00000.parquet")


def test_the_manifest_counts(store) -> None:
    store.bind(IDENTITY)
    store.publish("part-00000.parquet", np.arange(3), np.array([[0, 0], [np.nan, 1], [1, 1]], np.float32))
    store.compact(["part-00000.parquet"])
    manifest = store.manifest
    assert manifest["rows"] == 3 and manifest["fingerprint"] == store.fingerprint
    assert manifest["shards"]["part-00000.parquet"]["rejected"] == 1
    store.open_again()
    assert store.manifest is None


@pytest.mark.parametrize("edit", [lambda text: text.replace('"rejected": 1', '"rejected": 0'), lambda text: text[:-9]])
def test_an_edited_manifest_is_none_and_made_again(store, tmp_path, edit) -> None:
    store.bind(IDENTITY)
    store.publish("part-00000.parquet", np.arange(3), np.array([[0, 0], [np.nan, 1], [1, 1]], np.float32))
    store.compact(["part-00000.parquet"])
    whole, path = store.manifest, tmp_path / store.folder / "manifest.json"
    path.write_text(edit(path.read_text()))
    assert store.manifest is None
    store.compact(["part-00000.parquet"])
    assert store.manifest == whole


def test_an_edited_identity_is_refused(store, tmp_path) -> None:
    store.bind(IDENTITY)
    path = tmp_path / store.folder / "store.json"
    path.write_text(path.read_text().replace('"w0"', '"w1"'))
    with pytest.raises(UserError, match=r"store\.json: is damaged or edited.*--relabel"):
        store.bind(IDENTITY | {"weights": "w1"})
    assert not store.is_legible


def test_what_has_not_changed_since_the_manifest_is_not_read_again(store, tmp_path, monkeypatch) -> None:
    names = [f"part-0000{k}.parquet" for k in range(3)]
    store.bind(IDENTITY)
    for name in names:
        store.publish(name, np.arange(50), np.ones((50, 2), np.float32))
    store.compact(names)
    looked_at: list[str] = []
    fault = LabelStore.fault
    monkeypatch.setattr(LabelStore, "fault", lambda self, name, *bound: looked_at.append(name) or fault(self, name))
    assert store.missing(names) == [] and looked_at == []
    shard = tmp_path / "soft_labels/c/train/t" / names[1]
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")  # same size
    assert store.missing(names) == [names[1]] and looked_at == [names[1]]


def test_a_shard_of_other_weights_is_stale_though_its_own_hash_is_right(store, tmp_path) -> None:
    other = LabelStore(store.workspace, "c", "train", "other")
    store.bind(IDENTITY)
    other.bind(IDENTITY | {"weights": "w1"})
    for each in (store, other):
        each.publish("part-00000.parquet", np.arange(5), np.ones((5, 2), np.float32))
    for name in ("part-00000.parquet", "part-00000.parquet.sha256"):
        (tmp_path / store.folder / name).write_bytes((tmp_path / other.folder / name).read_bytes())
    assert store.fault("part-00000.parquet") == f"was made by {other.fingerprint}, the store by {store.fingerprint}"
    assert store.missing(["part-00000.parquet"]) == ["part-00000.parquet"]


def test_requeue_withdraws_shards_with_rejected_rows_alone(store) -> None:
    store.publish("part-00000.parquet", np.arange(2), np.array([[0, 0], [np.nan, 1]], np.float32))
    store.publish("part-00001.parquet", np.arange(2), np.zeros((2, 2), np.float32))
    names = ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert store.requeue(names) == ["part-00000.parquet"]
    assert store.missing(names) == ["part-00000.parquet", "part-00002.parquet"]


def test_half_written_files_of_long_ago_are_swept(store, tmp_path) -> None:
    store.publish("part-00000.parquet", np.arange(2), np.zeros((2, 2), np.float32))
    old, new = (tmp_path / store.folder / f".part-00001.parquet.{k}.tmp" for k in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    store.open_again()
    assert not old.exists() and new.exists() and store.missing(["part-00000.parquet"]) == []


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_a_logit_takes_less_than_its_two_bytes_ids_included(store, columns: int) -> None:
    rng = np.random.default_rng(0)
    ids = np.arange(16_384, dtype=np.int64) + 10**9
    logits = rng.normal(scale=3, size=(16_384, columns)).astype(np.float32)
    store.publish("part-00000.parquet", ids, logits)
    size = store.workspace.stats(store.folder)["part-00000.parquet"].size
    assert size / logits.size <= 1.9
    np.testing.assert_array_equal(store.read("part-00000.parquet")[0], ids)
