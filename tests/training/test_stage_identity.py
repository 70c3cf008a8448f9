"""What makes a finished stage stale: a changed value and a changed default, never a new option."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from stage_changes import changed
from tiny_stages import World, schedule, signal, stage
from tmkd.frozen_map import FrozenMap
from tmkd.identity import INTRODUCED, identity_values, introduced
from tmkd.models.shape import StudentShape
from tmkd.objectives.attention_mse import AttentionMseConfig
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.soft_label_kl import KlConfig
from tmkd.objectives.soft_label_mse import MseConfig
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.soft_labels.calibration import Calibration
from tmkd.training.config import Schedule
from tmkd.training.stage import StageSpec
from tmkd.training.stage_identity import objective_values
from tmkd.training.stage_parts import Data, Reading, Signal, Start
from tmkd.workspace import Workspace

FIRST = {
    StageSpec: "name task data start shape max_length signals objectives schedule seed",
    Data: "corpus split fingerprints shards classes golden_identity validation",
    Start: "base base_identity folder parent",
    Signal: "teachers calibrations identity shares weight",
    Calibration: "scale shift source rows",
    Reading: "max_question_tokens overlap unanswerable temperature candidates confusing attention",
    StudentShape: "layers pooling freeze_embeddings dropout max_length",
    Schedule: "learning_rate epochs max_steps batch_size warmup_ratio decay weight_decay clip",
}
"""Fields of the first version, which have no ``introduced`` value. Never extended."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Names alone: an identity reads nothing."""
    return World(Workspace.open(str(tmp_path)), tmp_path / "base", {"part-00000.parquet": 8})


@pytest.mark.parametrize("kind", FIRST, ids=lambda kind: kind.__name__)
def test_a_later_field_keeps_the_value_that_it_was_introduced_with(kind: type) -> None:
    if issubclass(kind, Schedule):
        extras = {name: each.json_schema_extra or {} for name, each in kind.model_fields.items()}
    else:
        extras = {each.name: dict(each.metadata) for each in dataclasses.fields(kind)}
    assert [name for name, extra in extras.items() if INTRODUCED not in extra] == FIRST[kind].split()


def test_a_specification_has_at_most_twelve_parts() -> None:
    assert len(dataclasses.fields(StageSpec)) <= 12


@dataclass(frozen=True)
class Smoothed(StageSpec):
    """A specification with one more option, at the default that stands for its absence."""

    smoothing: float = field(default=0.0, metadata=introduced(0.0))


@dataclass(frozen=True)
class SmoothedByDefault(StageSpec):
    """The same with its default changed later."""

    smoothing: float = field(default=0.1, metadata=introduced(0.0))


def as_kind(kind: type[StageSpec], spec: StageSpec, **more: Any) -> StageSpec:
    values = {each.name: getattr(spec, each.name) for each in dataclasses.fields(StageSpec)}
    return kind(**values, **more)


def test_a_new_option_makes_nothing_stale_and_a_changed_default_does(world: World) -> None:
    before = stage(world, "x").spec
    assert as_kind(Smoothed, before).identity() == before.identity()
    assert as_kind(Smoothed, before, smoothing=0.1).identity() != before.identity()
    assert as_kind(SmoothedByDefault, before).identity() == as_kind(Smoothed, before, smoothing=0.1).identity()
    assert as_kind(SmoothedByDefault, before, smoothing=0.0).identity() == before.identity()


def test_it_is_the_same_in_a_nested_part() -> None:
    @dataclass(frozen=True)
    class Later(Start):
        revision: str = field(default="", metadata=introduced(""))

    class LaterSchedule(Schedule):
        restarts: int = Field(0, json_schema_extra=introduced(0))

    first = Start("base", "weights")
    assert identity_values(Later("base", "weights")) == identity_values(first)
    assert identity_values(Later("base", "weights", revision="2")) == {**identity_values(first), "revision": "2"}
    assert identity_values(LaterSchedule()) == identity_values(Schedule()) == Schedule().model_dump()
    assert identity_values(LaterSchedule(restarts=2)) == {**Schedule().model_dump(), "restarts": 2}


def test_a_changed_default_of_the_first_version_is_another_identity(world: World) -> None:
    assert stage(world, "x", schedule=schedule(clip=2.0)).identity() != stage(world, "x").identity()


@pytest.mark.parametrize(
    ("listed", "values"),
    [
        ([], {}),
        ([MseConfig()], {"weights": {"soft": 1.0}}),
        (
            [CrossEntropyConfig(weight=0.1), KlConfig(weight=0.9, temperature=2.0)],
            {"golden": True, "weights": {"golden": 0.1, "soft": 0.9}, "soft_objective": "kl", "temperature": 2.0},
        ),
        (
            [SpanKlConfig(weight=0.5, temperature=2.0), AttentionMseConfig(weight=0.05)],
            {"weights": {"soft": 0.5, "attention": 0.05}},  # the temperature is among the values of reading
        ),
        (
            [MseConfig(weight=0.5), KlConfig(weight=0.25, temperature=3.0)],
            {"weights": {"soft": 0.5}, "objectives": [{"name": "kl", "weight": 0.25, "temperature": 3.0}]},
        ),
    ],
)
def test_a_list_that_shorthands_can_say_is_entered_as_they_were(listed: list[ObjectiveConfig], values: dict) -> None:
    nothing = {"golden": False, "weights": {}, "soft_objective": "mse", "temperature": 1.0}
    assert objective_values(listed) == nothing | values


def test_the_run_s_own_information_and_names_are_no_part_of_it(world: World) -> None:
    made = stage(world, "x", tracked=object())
    moved = changed(made, output="y", name="other", base="elsewhere", starts_from="z", validation={"a": 1})
    assert moved.identity() == made.identity()


def test_a_specification_can_be_hashed_sent_and_compared(world: World) -> None:
    one, other = stage(world, "x").spec, stage(world, "y").spec
    assert one == other and hash(one) == hash(other) and {one: 1}[other] == 1
    sent = pickle.loads(pickle.dumps(one))
    assert sent == one and hash(sent) == hash(one) and sent.identity() == one.identity()
    assert changed(stage(world, "x"), seed=1).spec != one
    assert list(sent.signals) == ["soft:a", "soft:b"]


def test_a_specification_does_not_follow_what_it_was_made_from(world: World) -> None:
    signals = {"soft:a": signal("a")}
    made = stage(world, "x", signals=signals).spec
    before = made.identity()
    signals["soft:b"] = signal("b")
    assert made.identity() == before and list(made.signals) == ["soft:a"]


def test_of_a_recipe_s_block_only_the_schedule_is_kept(world: World) -> None:
    class Block(Schedule):
        rows: int = 3

    block = Block(**schedule().model_dump())
    assert stage(world, "x", schedule=block).spec == stage(world, "x").spec


def test_a_frozen_map_is_equal_to_what_it_holds() -> None:
    assert FrozenMap({"a": 1, "b": 2}) == {"b": 2, "a": 1} != FrozenMap({"a": 1})
    assert hash(FrozenMap({"a": 1, "b": 2})) == hash(FrozenMap({"b": 2, "a": 1}))
    with pytest.raises(TypeError):
        FrozenMap({"a": 1})["a"] = 2  # type: ignore[index]
