"""Publishing: a file under its final name is whole, its hash lies beside it, the same content has the same bytes."""

from __future__ import annotations

import hashlib
import pickle
import signal
import subprocess
import sys

import pyarrow as pa
import pytest

from tmkd.errors import UserError
from tmkd.workspace import Workspace, corpus_folder, fingerprint, folder_fingerprint, labels_folder, shard_name

TABLE = pa.table({"id": pa.array(range(100), pa.int64()), "text": [f"row {index}" for index in range(100)]})
PATH = "corpora/c/train/part-00000.parquet"

KILLED_BEFORE_RENAME = """
import os, signal, sys
from tmkd.workspace import Workspace

def die(event, args):
    if event == "os.rename" and str(args[1]).endswith(".parquet"):
        os.kill(os.getpid(), signal.SIGKILL)

workspace = Workspace.open(sys.argv[1])
sys.addaudithook(die)
workspace.publish_bytes(sys.argv[2], b"new" * 100_000)
"""


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.open(str(tmp_path / "ws"))


def kill_while_publishing(workspace: Workspace) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_BEFORE_RENAME, workspace.uri, PATH], check=False)
    assert done.returncode == -signal.SIGKILL


def test_killed_between_write_and_rename_no_final_file_is_left(workspace) -> None:
    kill_while_publishing(workspace)
    assert not workspace.exists(PATH) and not workspace.is_intact(PATH)
    left = [path.name for path in workspace.local_path(PATH).parent.iterdir()]
    assert any(name.endswith(".tmp") for name in left)  # it was killed where it was meant to be
    assert workspace.list("corpora/c/train", ".parquet") == []


def test_killed_while_replacing_the_old_file_stays_whole_but_counts_as_not_done(workspace) -> None:
    workspace.publish_bytes(PATH, b"old")
    kill_while_publishing(workspace)
    assert workspace.read_bytes(PATH) == b"old"
    assert not workspace.is_intact(PATH)
    workspace.publish_bytes(PATH, b"new" * 100_000)
    assert workspace.is_intact(PATH)


def test_a_published_table_reads_back_and_its_hash_is_that_of_its_bytes(workspace) -> None:
    workspace.publish_table(PATH, TABLE)
    assert workspace.read_table(PATH).equals(TABLE)
    assert workspace.read_table(PATH, columns=["id"]).column_names == ["id"]
    assert workspace.row_count(PATH) == 100
    digest = hashlib.sha256(workspace.local_path(PATH).read_bytes()).hexdigest()
    assert workspace.read_bytes(PATH + ".sha256").decode() == digest
    beside = workspace.local_path(PATH).parent.iterdir()
    assert sorted(path.name for path in beside) == ["part-00000.parquet", "part-00000.parquet.sha256"]


def test_the_same_table_gives_the_same_bytes(workspace) -> None:
    workspace.publish_table("a.parquet", TABLE)
    workspace.publish_table("b.parquet", pa.concat_tables([TABLE.slice(0, 30), TABLE.slice(30)]).combine_chunks())
    assert workspace.read_bytes("a.parquet") == workspace.read_bytes("b.parquet")


@pytest.mark.parametrize("position", [0, 400, -1])
def test_a_flipped_bit_is_noticed(workspace, position: int) -> None:
    workspace.publish_table(PATH, TABLE)
    assert workspace.is_intact(PATH)
    path = workspace.local_path(PATH)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert not workspace.is_intact(PATH)


def test_a_truncated_file_or_one_without_its_hash_is_not_intact(workspace) -> None:
    workspace.publish_table(PATH, TABLE)
    path = workspace.local_path(PATH)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert not workspace.is_intact(PATH)
    path.write_bytes(whole)
    workspace.delete(PATH + ".sha256")
    assert not workspace.is_intact(PATH)


@pytest.mark.parametrize("columns", [None, ["id"]])
def test_a_changed_table_is_not_read(workspace, columns) -> None:
    workspace.publish_table(PATH, TABLE)
    path = workspace.local_path(PATH)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(UserError, match=rf"{PATH}: is truncated or changed.*; restore it, or make the corpus again"):
        workspace.read_table(PATH, columns)
    workspace.publish_table(PATH, TABLE)
    assert workspace.read_table(PATH).equals(TABLE)
    path.write_bytes(path.read_bytes()[:-1] + b"?")  # after it was read: noticed by its time
    with pytest.raises(UserError, match="is truncated or changed"):
        workspace.read_table(PATH, columns)


def test_a_table_is_hashed_once_while_it_stays_as_it_is(workspace, monkeypatch) -> None:
    workspace.publish_table(PATH, TABLE)
    read = []
    whole = Workspace.read_published
    monkeypatch.setattr(Workspace, "read_published", lambda self, path: read.append(path) or whole(self, path))
    for _ in range(3):
        workspace.read_table(PATH, ["id"])
    assert read == [PATH]


def test_a_table_that_is_gone_or_has_lost_its_hash_is_named(workspace) -> None:
    with pytest.raises(UserError, match=rf"{PATH}: is not there"):
        workspace.read_table(PATH)
    with pytest.raises(FileNotFoundError):  # a node that does not see the workspace is told apart by it
        workspace.read_table(PATH)
    workspace.publish_table(PATH, TABLE)
    workspace.delete(f"{PATH}.sha256")
    with pytest.raises(UserError, match=rf"{PATH}: the hash beside it \(\.sha256\) is gone"):
        workspace.read_table(PATH)


def test_a_link_in_place_of_a_shard_is_refused(workspace, tmp_path) -> None:
    workspace.publish_table(PATH, TABLE)
    workspace.local_path(PATH).rename(tmp_path / "elsewhere.parquet")
    workspace.local_path(PATH).symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(UserError, match=rf"{PATH}: is a link to .*elsewhere\.parquet"):
        workspace.read_table(PATH)
    assert not workspace.is_intact(PATH)


@pytest.mark.parametrize("path", ["../outside.parquet", "/etc/passwd", "corpora/c/../../../x", "a/.."])
def test_no_path_leaves_the_workspace(workspace, path: str) -> None:
    calls = [workspace.read_bytes, workspace.read_table, workspace.delete, workspace.list, workspace.local_path]
    for call in [*calls, lambda place: workspace.publish_bytes(place, b"")]:
        with pytest.raises(UserError, match="leaves the workspace"):
            call(path)


def test_a_workspace_that_cannot_be_written_is_named_with_the_cause(tmp_path) -> None:
    (tmp_path / "file").write_text("I am no folder")
    with pytest.raises(UserError, match=r"workspace .*file/ws: cannot be written \(.+\); give another"):
        Workspace.open(str(tmp_path / "file" / "ws"))


def test_opening_leaves_nothing_behind(workspace) -> None:
    assert list(workspace.local_path().iterdir()) == []


def test_an_object_store_address_is_served_by_the_same_calls(tmp_path) -> None:
    (tmp_path / "bucket").mkdir()
    remote = Workspace.open(f"file://{tmp_path}/bucket")
    assert not remote.is_local
    (tmp_path / "bucket" / "corpora" / "c" / "train").mkdir(parents=True)  # an object store needs no folders
    remote.publish_table(PATH, TABLE)
    assert remote.is_intact(PATH) and remote.read_table(PATH).equals(TABLE)
    assert remote.list("corpora/c/train", ".parquet") == ["part-00000.parquet"]
    assert remote.folders("corpora/c") == ["train"]
    assert remote.show("a/b") == f"file://{tmp_path}/bucket/a/b"
    with pytest.raises(ValueError, match="not a local folder"):
        remote.local_path("x")


def test_json_lists_folders_and_deleting(workspace) -> None:
    workspace.publish_json("d/one.json", {"b": 1, "a": [None, "ü"]})
    workspace.publish_bytes("d/two.txt", b"2", with_hash=False)
    workspace.publish_bytes("d/e/three.txt", b"3", with_hash=False)
    assert workspace.read_json("d/one.json") == {"a": [None, "ü"], "b": 1}
    assert workspace.list("d") == ["one.json", "two.txt"] and workspace.folders("d") == ["e"]
    assert workspace.list("none") == [] and workspace.folders("none") == []
    workspace.delete("d/two.txt")
    assert workspace.list("d", ".txt") == []
    workspace.delete("d")
    workspace.delete("d")  # deleting what is not there is no mistake
    assert not workspace.exists("d/one.json")


def test_a_workspace_goes_to_workers_by_pickle(workspace) -> None:
    workspace.publish_bytes("x", b"1")
    assert pickle.loads(pickle.dumps(workspace)).read_bytes("x") == b"1"


def test_a_fingerprint_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert fingerprint({"a": 1, "b": {"c": [1, 2], "d": "é"}}) == fingerprint({"b": {"d": "é", "c": [1, 2]}, "a": 1})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"}) != fingerprint({"a": None})
    assert fingerprint({"a": 1}) == "015abd7f5cc57a2d"  # stored ones must not change from version to version


def test_a_folder_s_fingerprint_follows_its_bytes_and_names(tmp_path) -> None:
    (tmp_path / "w").write_bytes(b"weights")
    (tmp_path / "c").write_bytes(b"config")
    before = folder_fingerprint(tmp_path)
    only_weights = folder_fingerprint(tmp_path, ["w"])
    (tmp_path / "c").write_bytes(b"confiG")
    assert folder_fingerprint(tmp_path) != before and folder_fingerprint(tmp_path, ["w"]) == only_weights
    (tmp_path / "c").write_bytes(b"config")
    assert folder_fingerprint(tmp_path) == before
    (tmp_path / "w").rename(tmp_path / "v")
    assert folder_fingerprint(tmp_path) != before


def test_the_layout_is_the_documented_one() -> None:
    assert corpus_folder("c") == "corpora/c" and corpus_folder("c", "train") == "corpora/c/train"
    assert labels_folder("c", "train", "golden") == "soft_labels/c/train/golden"
    assert shard_name(0) == "part-00000.parquet" and shard_name(123456) == "part-123456.parquet"


def test_settings_behind_an_address_are_refused_as_paths_stand_there() -> None:
    with pytest.raises(UserError, match=r"s3://bucket/tmkd\?region=eu-west-1: settings .* AWS_REGION"):
        Workspace.of("s3://bucket/tmkd?region=eu-west-1")


@pytest.mark.parametrize("uri", ["s3://AKIA:hunter2@bucket/ws", "s3://bucket/ws?secret_key=hunter2"])
def test_credentials_in_an_address_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(UserError, match="AWS_ACCESS_KEY_ID") as fault:
        Workspace.open(uri)
    assert "hunter2" not in str(fault.value) and "AKIA:" not in str(fault.value)
