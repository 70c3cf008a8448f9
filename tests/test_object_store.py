"""The workspace and a label store on a real S3-protocol server: the same contract as on disk."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from s3_server import s3_bucket
from tmkd.errors import UserError
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace

TABLE = pa.table({"id": [1, 2], "text": ["a", "ü"]})


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket() as (uri, _):
        yield uri


@pytest.fixture
def workspace(bucket, request) -> Workspace:
    return Workspace.open(f"{bucket}/{request.node.name}/deep")


def test_publish_read_list_delete(workspace) -> None:
    workspace.publish_table("c/train/part-00000.parquet", TABLE)
    assert workspace.is_intact("c/train/part-00000.parquet")
    assert workspace.read_table("c/train/part-00000.parquet").equals(TABLE)
    assert workspace.row_count("c/train/part-00000.parquet") == 2
    assert workspace.list("c/train", ".parquet") == ["part-00000.parquet"] and workspace.folders("c") == ["train"]
    assert workspace.stats("c/train")["part-00000.parquet"].size > 0
    workspace.publish_bytes("c/train/part-00000.parquet", b"other", with_hash=False)
    assert not workspace.is_intact("c/train/part-00000.parquet")
    workspace.delete("c")
    assert not workspace.exists("c/train/part-00000.parquet") and workspace.list("c/train") == []
    workspace.delete("c")


def test_a_label_store_finds_what_is_missing_or_damaged(workspace) -> None:
    store = LabelStore(workspace, "c", "train", "t")
    store.bind({"weights": "w0"})
    names = [f"part-0000{k}.parquet" for k in range(3)]
    for name in names[:2]:
        store.publish(name, np.arange(9), np.ones((9, 2), np.float32))
    assert store.missing(names) == names[2:]
    store.compact(names[:2])
    workspace.publish_bytes(f"{store.folder}/{names[0]}", b"no parquet", with_hash=False)
    assert store.missing(names) == [names[0], names[2]]
    with pytest.raises(UserError, match="made by something else"):
        store.bind({"weights": "w1"})


def test_a_bucket_that_is_not_there_is_named_without_credentials(bucket) -> None:
    with pytest.raises(UserError, match=r"workspace s3://no-such-bucket-\w+/x: cannot be written") as fault:
        Workspace.open("s3://no-such-bucket-1234/x")
    assert "a-secret" not in str(fault.value) and "a-key-id" not in str(fault.value)
