"""The model of a miniature is the same wherever and whenever it is made."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tmkd.app.fixture import ensure_base
from tmkd.workspace import Workspace

VOCABULARY = "6de6c01109daeabf"


def test_the_base_hangs_on_nothing_but_its_words(tmp_path) -> None:
    folders = [Path(ensure_base(Workspace.open(str(tmp_path / name)))) for name in ("one", "two")]
    found = [{path.name: path.read_bytes() for path in sorted(folder.iterdir())} for folder in folders]
    assert found[0] == found[1] and "model.safetensors" in found[0]
    assert hashlib.sha256(found[0]["vocab.txt"]).hexdigest().startswith(VOCABULARY)
