"""Broken off and gone on with on other numbers of workers: the same rows in the same order, hardly another model."""

from __future__ import annotations

import sys

import cloudpickle
import pytest
from ray.train import TrainingFailedError

from one_fit import UNDETERMINED, BreakOff, furthest, note, weights
from tiny_stages import engine_config, make_world, schedule, stage
from tmkd.training.run import train

for module in ("one_fit", "tiny_stages", __name__):  # workers cannot import tests
    cloudpickle.register_pickle_by_value(sys.modules[module])
STEPS = 12


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("resize"))


def train_in_turns(world, run: str, zero: int, turns: list[tuple[int, int | None]]) -> None:
    """Train with so many workers until a step, then with others; None: to the end."""
    for workers, until in turns:
        todo = stage(
            world, f"students/{run}", schedule=schedule(max_steps=STEPS), tracked=until and BreakOff(until),
        )  # fmt: skip
        config = engine_config(workers=workers, zero_stage=zero, checkpoint_every_steps=1, max_failures=0)
        if until is None:
            train([todo], config, world.workspace, run, run)
            return
        with pytest.raises(TrainingFailedError, match="broken off"):
            train([todo], config, world.workspace, run, run)


@pytest.mark.slow
@pytest.mark.parametrize("zero", [1, 2, 3])
def test_two_workers_then_one_then_two(world, ray_session, zero: int) -> None:
    train_in_turns(world, f"turns-{zero}", zero, [(2, 5), (1, 9), (2, None)])
    train_in_turns(world, f"whole-{zero}", zero, [(2, None)])
    assert note(world, stage(world, f"students/turns-{zero}", schedule=schedule(max_steps=STEPS)))["resumed_at"] == 8
    turns, whole = (weights(world, f"students/{name}-{zero}") for name in ("turns", "whole"))
    assert furthest(turns, whole, UNDETERMINED) < 1e-5
