"""A broken device costs no row its label: its actor ends, the shard is tried in a fresh one, and not without end."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import ray.cloudpickle
import torch

from tmkd.errors import UserError
from tmkd.labelling import pipeline
from tmkd.labelling.score import Score
from tmkd.soft_labels.store import LabelStore


class Fragile(Score):
    """Scores on a device that breaks in the first processes and stays broken in each; these are noted.

    In the first of them it breaks while the model is loaded, if it is to do so, in others at the first batch.
    """

    notes = ""
    breaks = 1
    breaks_loading = False
    room = 10**9

    def _load(self):
        teacher = super()._load()
        runtime, whole = teacher._runtime, teacher._runtime.forward
        pids = Path(self.notes)

        def meet() -> None:
            seen = pids.read_text().split() if pids.exists() else []
            if str(os.getpid()) in seen or len(seen) < self.breaks:
                pids.write_text(" ".join({*seen, str(os.getpid())}))
                raise torch.AcceleratorError("CUDA error: device-side assert triggered")

        def forward(inputs):
            meet()
            if inputs["input_ids"].size > self.room:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return whole(inputs)

        runtime.forward = forward
        if self.breaks_loading and not pids.exists():
            meet()
        return teacher


@pytest.fixture
def fragile(monkeypatch, tmp_path) -> type[Fragile]:
    """Let labelling use such a device."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(Fragile, "notes", str(tmp_path / "pids"))
    monkeypatch.setattr(pipeline, "Score", Fragile)
    yield Fragile
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def test_a_device_that_breaks_ends_its_actor_and_a_fresh_one_labels_the_shard(
    bench, fragile, monkeypatch, capsys
) -> None:
    for name, value in {"breaks": 2, "breaks_loading": True, "room": 100}.items():
        monkeypatch.setattr(fragile, name, value)
    report = bench.label(splits=("dev",), batch_tokens=256)
    assert len(Path(fragile.notes).read_text().split()) == 2  # while the model was loaded, and at the first batch
    assert (report.pairs, report.rejected, report.shards_done) == (60, 0, 1)
    _, logits = LabelStore(bench.workspace, "tiny", "dev", "t").read("part-00000.parquet")
    assert np.isfinite(logits).all()
    assert "did not fit into memory and were halved" in " ".join(capsys.readouterr().err.split())


def test_a_device_that_stays_broken_stops_the_run_and_nothing_is_labelled(bench, fragile, monkeypatch) -> None:
    monkeypatch.setattr(fragile, "breaks", 100)
    with pytest.raises(
        UserError,
        match=r"teachers\.t\.model: the device failed 3 times with dev/part-00000\.parquet, each time in a fresh actor "
        r"\(AcceleratorError: CUDA error: device-side assert triggered\)",
    ):
        bench.label(splits=("dev",))
    assert len(Path(fragile.notes).read_text().split()) == 3
    assert bench.workspace.list("soft_labels/tiny/dev/t", suffix=".parquet") == []
    assert bench.workspace.list("rejected/tiny") == []
