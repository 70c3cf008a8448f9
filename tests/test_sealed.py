"""JSON with a checksum inside: any byte that is flipped or cut is noticed, and what older versions wrote is read."""

from __future__ import annotations

import pytest

from tmkd.integrity import DamagedError
from tmkd.sealed import is_sealed, publish_sealed, read_sealed
from tmkd.workspace import Workspace

VALUE = {"scale": 2.5, "rows": {"train": 3}, "names": ["a", "ü"], "none": None}


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.open(str(tmp_path))


def test_what_was_published_is_read(workspace: Workspace) -> None:
    publish_sealed(workspace, "c.json", VALUE)
    assert read_sealed(workspace, "c.json") == VALUE and is_sealed(workspace, "c.json")


def test_every_flipped_byte_of_a_value_and_every_cut_is_noticed(workspace: Workspace) -> None:
    publish_sealed(workspace, "c.json", VALUE)
    whole = workspace.read_bytes("c.json")
    start, end = whole.index(b'"names"'), whole.index(b"]")
    for place in range(start, end):
        data = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        workspace.publish_bytes("c.json", data, with_hash=False)
        with pytest.raises(DamagedError, match=r"c\.json: (was edited since it was written|is cut or holds no JSON)"):
            read_sealed(workspace, "c.json")
    for size in (0, 1, len(whole) // 2, len(whole) - 2):
        workspace.publish_bytes("c.json", whole[:size], with_hash=False)
        with pytest.raises(DamagedError, match="is cut or holds no JSON object"):
            read_sealed(workspace, "c.json")


def test_a_file_of_an_older_version_is_read_unchecked(workspace: Workspace) -> None:
    workspace.publish_json("c.json", VALUE)
    assert read_sealed(workspace, "c.json") == VALUE and not is_sealed(workspace, "c.json")
