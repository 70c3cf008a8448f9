"""A training step that does not fit into memory names the keys to change; a broken device is named, too."""

from __future__ import annotations

import pytest
import torch

from tiny_stages import World, engine_config, make_world, stage
from tmkd.errors import UserError
from tmkd.runtimes.failures import DeviceError
from tmkd.training import engine
from tmkd.training.loop import StageRun
from tmkd.training.plan import Plan
from tmkd.training.run import _cause

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
BROKEN = torch.AcceleratorError("CUDA error: device-side assert triggered")


class FailingEngine:
    """Stands where DeepSpeed's engine stands, on a device that is not here."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, inputs, targets=None):
        raise self.error

    def train(self) -> None: ...

    def eval(self) -> None: ...

    def set_gradient_accumulation_boundary(self, last: bool) -> None: ...


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return make_world(tmp_path_factory.mktemp("memory"), shards=1)


def run(world: World, monkeypatch, error: Exception) -> StageRun:
    monkeypatch.setattr(engine, "start", lambda *args: FailingEngine(error))
    plan = Plan((made := stage(world, "x", validation=world.shards),), engine_config(), world.workspace, progress="")
    monkeypatch.setattr("tmkd.training.loop.progress_poster", lambda *args: lambda done, total: None)
    return StageRun(made, plan, "cpu", 0)


def test_a_step_that_does_not_fit_names_the_keys_and_changes_nothing(world, monkeypatch) -> None:
    found = run(world, monkeypatch, FULL)
    with pytest.raises(
        UserError,
        match=rf"stage {found.stage.name}: a forward pass of \d+ rows \(training.micro_batch \d+, batch_size \d+\) "
        r"does not fit into memory \(OutOfMemoryError: CUDA out of memory.*\); lower training.micro_batch: .*accum",
    ):
        next(found.steps())


def test_a_validation_that_does_not_fit_does_so_too(world, monkeypatch) -> None:
    with pytest.raises(UserError, match=r"a forward pass of 64 rows .*does not fit into memory"):
        run(world, monkeypatch, FULL)._validate(1)


def test_a_device_that_breaks_while_training_is_named_after_the_last_restart(world, monkeypatch) -> None:
    with pytest.raises(DeviceError, match="AcceleratorError: CUDA error: device-side assert") as caught:
        next(run(world, monkeypatch, BROKEN).steps())
    failed = RuntimeError("training failed")
    failed.worker_failures = {0: caught.value}
    assert "device-side assert" in str(_cause(failed)) and isinstance(_cause(failed), UserError)
    failed.worker_failures = {0: ValueError("x")}
    assert _cause(failed) is failed


def test_other_errors_that_speak_of_memory_stay_what_they_are(world, monkeypatch) -> None:
    with pytest.raises(ValueError, match="memory"):
        next(run(world, monkeypatch, ValueError("memory layout")).steps())
