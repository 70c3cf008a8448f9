"""A published model folder that was cut or changed is noticed, and what to do about it is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tiny_teachers import bert_base
from tmkd.errors import UserError
from tmkd.models.folders import fetch, local_folder, publish
from tmkd.models.hashes import HASHES, changed_file
from tmkd.workspace import Workspace

FOLDER = "students/run/pretrained"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_base(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def workspace(model: Path, tmp_path: Path) -> Workspace:
    workspace = Workspace.open(str(tmp_path))
    (model / "README.md").write_text("# a model")
    publish(workspace, model, FOLDER, {"stage.json": b'{"identity": "of the stage"}'})
    return workspace


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])


def test_a_folder_that_is_as_published_is_used(workspace: Workspace) -> None:
    assert changed_file(workspace, FOLDER) is None
    assert fetch(workspace, FOLDER) == workspace.local_path(FOLDER)
    (workspace.local_path(FOLDER) / "README.md").write_text("# a card that its owner has written")
    (workspace.local_path(FOLDER) / "notes.txt").write_text("a file of one's own")
    assert local_folder(workspace.show(FOLDER), "teachers.a.model") == workspace.local_path(FOLDER)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", [WEIGHTS, "config.json", "tokenizer.json", "stage.json", HASHES])
def test_a_changed_file_is_named_with_the_remedy(workspace: Workspace, name: str, damage) -> None:
    fetch(workspace, FOLDER)  # read once already: it is read again because it has changed
    damage(workspace.local_path(FOLDER) / name)
    if (name, damage) == (HASHES, Path.unlink):  # a folder of an older version
        assert fetch(workspace, FOLDER) == workspace.local_path(FOLDER)
        return
    with pytest.raises(UserError, match=rf"{FOLDER}/{name}: .*(delete|restore)"):
        fetch(workspace, FOLDER)
    with pytest.raises(UserError, match=rf"^student\.base: .*{FOLDER}/{name}: "):
        local_folder(workspace.show(FOLDER), "student.base")


def test_a_file_that_has_not_changed_is_read_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    sha256 = Workspace.sha256
    monkeypatch.setattr(Workspace, "sha256", lambda self, path: read.append(path) or sha256(self, path))
    fetch(workspace, FOLDER)
    assert f"{FOLDER}/{WEIGHTS}" in read and f"{FOLDER}/README.md" not in read
    read.clear()
    fetch(workspace, FOLDER)
    assert read == []
    os.utime(workspace.local_path(f"{FOLDER}/{WEIGHTS}"))
    fetch(workspace, FOLDER)
    assert read == [f"{FOLDER}/{WEIGHTS}"]


def test_a_folder_changed_on_purpose_is_used_once_its_hashes_are_gone(workspace: Workspace) -> None:
    config = workspace.local_path(f"{FOLDER}/config.json")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"id2label": {"0": "no", "1": "yes"}}))
    with pytest.raises(UserError, match=r"on purpose, delete hashes\.json"):
        fetch(workspace, FOLDER)
    workspace.delete(f"{FOLDER}/{HASHES}")
    assert fetch(workspace, FOLDER) == workspace.local_path(FOLDER)
