"""Every kind of student writes what it reads, and is known by its name and by its base."""

from __future__ import annotations

import pytest

from tmkd.config import parse
from tmkd.errors import UserError
from tmkd.models.bi_lstm_config import BiLstmConfig
from tmkd.recipe.files import load
from tmkd.recipe.recipe import Recipe
from tmkd.recipe.search import SearchRecipe
from tmkd.students.bi_lstm import BiLstmKind
from tmkd.students.encoder import EncoderKind
from tmkd.students.registry import DEFAULT, KINDS, add_kind, kind_of, kind_of_base
from tmkd.tasks.registry import TASKS


@pytest.mark.parametrize("name", KINDS)
def test_a_size_and_a_rate_that_are_written_are_read_again(name: str) -> None:
    kind = kind_of(name)
    tree = load("docs", {"student.kind": name}).model_dump(mode="json")
    tree["regime"] = None
    kind.set_size(tree["student"], 2)
    kind.set_rate(tree["student"], 7e-4)
    student = parse(Recipe, tree, "test").student
    assert kind.size(student) == 2
    assert kind.rate(student, 7e-4) == 7e-4
    assert kind.axis in SearchRecipe.model_fields
    assert set(kind.gives) & {signal for task in TASKS.values() for signal in task.gives}


def test_a_bi_lstm_takes_its_own_rate_and_an_encoder_the_stage_s() -> None:
    student = load("docs", {"student.bi_lstm.learning_rate": "0.002"}).student
    assert kind_of("bi_lstm").rate(student, 1e-4) == 0.002
    assert kind_of("encoder").rate(student, 1e-4) == 1e-4


def test_a_kind_is_known_by_its_base() -> None:
    assert kind_of_base(BiLstmConfig.model_type).name == "bi_lstm"
    assert kind_of_base("bert").name == kind_of_base("electra").name == DEFAULT


@pytest.mark.parametrize("key", ["student.kind", "compare.grids", "search.students"])
def test_a_kind_that_is_not_there_is_refused_with_the_nearest(key: str) -> None:
    value = {"student.kind": "bi_lsmt", "compare.grids": "[{students: [bi_lsmt]}]", "search.students": "[bi_lsmt]"}[key]
    with pytest.raises(UserError, match=r"'bi_lsmt' is none of encoder, bi_lstm \(did you mean 'bi_lstm'\?\)"):
        load("docs", {key: value})
    with pytest.raises(UserError, match="student kind 'bi_lsmt' is not known"):
        kind_of("bi_lsmt")


def test_a_plugin_adds_a_kind_once(monkeypatch) -> None:
    monkeypatch.setattr("tmkd.students.registry.KINDS", dict(KINDS))

    class Mine(EncoderKind):
        name = "mine"

    add_kind(Mine())
    add_kind(Mine())  # a worker that imports the plugin again
    assert load("docs", {"student.kind": "mine"}).student.kind == "mine"
    with pytest.raises(UserError, match="there is one of that name already"):
        add_kind(type("Other", (BiLstmKind,), {"name": "mine"})())
