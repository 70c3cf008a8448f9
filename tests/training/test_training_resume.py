"""Killed with SIGKILL, twice, in the second of two stages: the same call goes on from the last checkpoint.

Two workers, ZeRO stage 1, dropout on: optimiser state in parts, and random numbers that must be the same again.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
import ray
from transformers import AutoModelForSequenceClassification

from one_fit import furthest, note, weights
from tiny_stages import SHAPE, engine_config, make_world, schedule, stage
from tmkd.training.plan import finished
from tmkd.training.run import train

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
SECOND_STAGE, STEPS = "students/killed/second", 12


class Killer:
    """Stands where MLflow's run stands; writes every step down, and ends its process after some of them."""

    def __init__(self, folder: Path, checkpoints: Path) -> None:
        self.log, self.checkpoints = folder / "steps", checkpoints

    def metrics(self, values: dict[str, float], step: int) -> None:
        with self.log.open("a") as log:
            log.write(f"{step}\n")
        if step in (5, 9) and self.log.read_text().split().count(str(step)) == 1:
            self._wait_until_ray_has_noted_all_checkpoints()
            os.kill(os.getpid(), signal.SIGKILL)

    def _wait_until_ray_has_noted_all_checkpoints(self) -> None:
        """Steps take milliseconds here, and Ray Train asks its workers for news only every second or two."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            written = {path.name for path in self.checkpoints.glob("*/checkpoint_*") if path.is_dir()}
            noted = "".join(path.read_text() for path in self.checkpoints.glob("*/checkpoint_manager_snapshot.json"))
            if written and all(name in noted for name in written):
                return
            time.sleep(0.1)


def stages(world, run: str, tracked: object = None) -> list:
    shape = dataclasses.replace(SHAPE, dropout=0.2, freeze_embeddings=True)
    first = stage(world, f"students/{run}/first", shape=shape, schedule=schedule(max_steps=3))
    second = stage(
        world, f"students/{run}/second", name="finetune", shape=shape, base=None, starts_from=first.output,
        parent="first", golden=True, weights={"golden": 0.1, "soft": 0.9}, schedule=schedule(max_steps=STEPS),
        tracked=tracked,
    )  # fmt: skip
    return [first, second]


@dataclasses.dataclass
class Story:
    """What happened in two calls, the first of which ended with its workers."""

    fault: Exception | None
    finished_after_first_call: list[bool]
    steps: list[int]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("resume"))


@pytest.fixture(scope="module")
def story(world, ray_session, tmp_path_factory) -> Story:
    config = engine_config(workers=2, zero_stage=1, checkpoint_every_steps=2, max_failures=1)
    folder = tmp_path_factory.mktemp("killer")
    killer = Killer(folder, world.workspace.local_path("runs/killed"))
    todo = [*stages(world, "whole"), *stages(world, "killed", killer)]
    fault = None
    try:
        train(todo, config, world.workspace, "killed", "killed")
    except ray.train.TrainingFailedError as error:
        fault = error
    done = [finished(world.workspace, stage) is not None for stage in todo]
    train(todo, config, world.workspace, "killed", "again")
    return Story(fault, done, [int(step) for step in killer.log.read_text().split()])


def test_ray_restarts_the_workers_once_and_the_second_kill_ends_the_call(story) -> None:
    assert story.fault is not None
    assert story.finished_after_first_call == [True, True, True, False]


def test_no_step_before_the_last_checkpoint_is_repeated(story) -> None:
    assert story.steps == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9, 10, 11, 12]


def test_the_note_says_where_it_was_gone_on_from(world, story) -> None:
    assert note(world, stages(world, "killed")[1])["resumed_at"] == 8


def test_the_weights_are_bit_for_bit_those_of_an_uninterrupted_run(world, story) -> None:
    assert furthest(weights(world, SECOND_STAGE), weights(world, "students/whole/second")) == 0
    assert furthest(weights(world, "students/killed/first"), weights(world, "students/whole/first")) == 0


def test_the_curves_are_whole_and_the_same(world, story) -> None:
    killed, whole = (note(world, stages(world, run)[1])["history"] for run in ("killed", "whole"))
    assert killed == whole
    assert [step for step, _ in killed["loss"]] == list(range(1, STEPS + 1))


def test_the_model_loads_and_the_run_leaves_nothing_behind(world, story) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(world.workspace.local_path(SECOND_STAGE))
    assert model.config.trained_headers == ["golden", "soft:a", "soft:b"]
    assert world.workspace.folders("runs/killed") == []
