"""The base of a Bi-LSTM student is made once, and again, with the same bytes, where it was damaged."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from tiny_stages import make_world
from tmkd.recipe.student import StudentRecipe
from tmkd.steps.student.material import material
from tmkd.students.registry import kind_of


def test_a_damaged_base_is_made_again(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    shards = list(world.shards)
    shape = {"words": 30, "embedding": 8, "hidden": 8, "layers": 1}
    student = StudentRecipe(kind="bi_lstm", bi_lstm=shape)
    context = SimpleNamespace(workspace=world.workspace, recipe=SimpleNamespace(student=student, student_seed=0))
    corpus = SimpleNamespace(
        name="tiny", task="pair", fingerprints={"train": "c"}, shards=lambda split: shards if split == "train" else []
    )

    def ensure_base() -> str:
        return kind_of("bi_lstm").base(student, material(context, corpus))

    name = ensure_base()
    weights = world.workspace.local_path(name.removeprefix("workspace:")) / "model.safetensors"
    whole, written = weights.read_bytes(), weights.stat().st_mtime_ns
    assert ensure_base() == name and weights.stat().st_mtime_ns == written
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), None):
        weights.unlink()
        if damaged is not None:
            weights.write_bytes(damaged)
        assert ensure_base() == name and weights.read_bytes() == whole
