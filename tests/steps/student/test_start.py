"""What a student starts from, as every worker finds it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tiny_stages import make_base
from tmkd.steps.student.start import from_base
from tmkd.workspace import Workspace


def test_a_base_beside_the_driver_is_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray Train moves its workers to another folder, where a relative one would be taken for a Hub id."""
    made = make_base(tmp_path / "models/tiny")
    monkeypatch.chdir(tmp_path)
    recipe = SimpleNamespace(student=SimpleNamespace(kind="encoder", base="models/tiny"), student_seed=0)
    context = SimpleNamespace(recipe=recipe, workspace=Workspace.open(str(tmp_path / "ws")))
    assert from_base(context, SimpleNamespace(name="tiny", task="pair", fingerprints={})).base == str(made)
