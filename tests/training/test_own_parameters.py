"""An objective with parameters of its own: trained and checkpointed with the student, never exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tiny_stages import World, engine_config, make_world, stage
from tmkd.models.student import StudentForSequenceClassification
from tmkd.objectives.base import Objective, ObjectiveConfig, Setting
from tmkd.objectives.signals import Signals
from tmkd.objectives.soft_label_mse import MseConfig
from tmkd.objectives.weighed import soft_term
from tmkd.search.trial import _join_alone
from tmkd.tasks.signals import CLASS_LOGITS
from tmkd.training import checkpoints, engine
from tmkd.training.loop import StageRun
from tmkd.training.plan import Plan
from tmkd.training.stage import Stage

STEPS, BROKEN_OFF = 6, 3


class ProjectedConfig(ObjectiveConfig):
    name: Literal["projected"] = "projected"

    @classmethod
    def kind(cls) -> type[Objective]:
        return Projected


class Projected(Objective):
    """Squared error after a learned map of the student's logits."""

    needs_student = needs_teacher = frozenset({CLASS_LOGITS})
    term = "projected"

    def __init__(self, config: ProjectedConfig, setting: Setting) -> None:
        super().__init__(config, setting)
        self.projection = nn.Linear(setting.classes, setting.classes)

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return {"projected": [soft_term(header) for header in headers]}

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        each = [
            (self.projection(student[CLASS_LOGITS][header]) - teacher).square().mean(dim=1) * targets.of(header)
            for header, teacher in signals[CLASS_LOGITS].items()
        ]
        return {"projected": torch.stack([rows.sum() for rows in each]).sum()}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    engine.prepare_process("cpu")
    _join_alone("cpu")
    return make_world(tmp_path_factory.mktemp("own"))


def started(world: World, made: Stage, zero_stage: int) -> StageRun:
    config = engine_config(micro_batch=3, zero_stage=zero_stage)
    return StageRun(made, Plan((made,), config, world.workspace, progress=""), "cpu", 0)


def all_weights(run: StageRun) -> dict[str, Tensor]:
    """Return the weights of the student and of the objectives, gathered where they are in parts."""
    import deepspeed

    with deepspeed.zero.GatheredParameters(list(run.learner.parameters()), enabled=run.plan.engine.zero_stage == 3):
        return {name: value.detach().clone() for name, value in run.learner.named_parameters()}


def own(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if name.startswith("objectives.")}


@pytest.mark.parametrize("zero_stage", [0, 2, 3])
def test_it_is_trained_and_a_resumed_stage_ends_with_the_same_weights(world: World, tmp_path: Path, zero_stage) -> None:
    made = stage(world, f"own/{zero_stage}", objectives=(MseConfig(weight=0.5), ProjectedConfig(weight=0.5)))
    whole = started(world, made, zero_stage)
    before = own(all_weights(whole))
    assert list(whole.steps()) == list(range(1, STEPS + 1))
    after = all_weights(whole)
    assert own(after) and all((after[name] - value).abs().max() > 1e-4 for name, value in before.items())

    broken = started(world, made, zero_stage)
    for done in broken.steps():
        if done == BROKEN_OFF:
            break
    checkpoints.write(broken.engine, broken.key, BROKEN_OFF, broken.history, str(tmp_path))
    resumed = started(world, made, zero_stage)
    resumed.go_on(*checkpoints.read(resumed.engine, resumed.key, str(tmp_path)))
    assert list(resumed.steps()) == list(range(BROKEN_OFF + 1, STEPS + 1))
    found = all_weights(resumed)
    assert found.keys() == after.keys() and all(torch.equal(found[name], value) for name, value in after.items())
    assert resumed.history["projected"] == whole.history["projected"]


def test_the_student_s_folder_has_none_of_it(world: World) -> None:
    made = stage(world, "own/published", objectives=(ProjectedConfig(),))
    run = started(world, made, 0)
    assert len(list(run.steps())) == STEPS
    run.finish()  # its only term sums labels that have no terms of their own: none is missed
    folder = world.workspace.local_path(made.output)
    exported = load_file(folder / "model.safetensors")
    assert exported and not any("projection" in name or "objectives" in name for name in exported)
    student = StudentForSequenceClassification.from_pretrained(folder)
    assert all(torch.equal(value, run.model.state_dict()[name]) for name, value in student.state_dict().items())


def test_the_same_seed_draws_the_same_parameters(world: World) -> None:
    first, other = (
        own(all_weights(started(world, stage(world, "own/x", seed=seed, objectives=(ProjectedConfig(),)), 0)))
        for seed in (0, 1)
    )
    again = own(all_weights(started(world, stage(world, "own/x", objectives=(ProjectedConfig(),)), 0)))
    assert all(torch.equal(again[name], value) for name, value in first.items())
    assert not all(torch.equal(other[name], value) for name, value in first.items())
