"""Objectives in a recipe: what shorthands expand to, and lists that do not fit are refused, naming both sides."""

from __future__ import annotations

import json

import pytest

from tmkd.config import parse
from tmkd.errors import UserError
from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.attention_mse import AttentionMseConfig
from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.margin_mse import MarginMseConfig
from tmkd.objectives.soft_label_kl import KlConfig
from tmkd.objectives.soft_label_mse import MseConfig
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.recipe.files import load
from tmkd.recipe.recipe import Recipe

GOLDEN, SPANS = CrossEntropyConfig(), SpanCrossEntropyConfig()
WARM_UP = "teachers.cross_encoder.train"


def recipe(name: str = "docs", **overrides: str) -> Recipe:
    return load(name, {key.replace("__", "."): value for key, value in overrides.items()})


@pytest.mark.parametrize(
    ("changes", "expanded"),
    [
        ({}, {"pretrain": (MseConfig(),), "finetune": (CrossEntropyConfig(weight=1 - 0.9), MseConfig(weight=0.9))}),
        ({"finetune__alpha": "1"}, {"finetune": (MseConfig(),)}),
        ({"finetune__alpha": "0"}, {"finetune": (GOLDEN,)}),
        (
            {"finetune__objective": "kl", "finetune__temperature": "3", "pretrain__objective": "margin_mse"},
            {
                "pretrain": (MarginMseConfig(),),
                "finetune": (CrossEntropyConfig(weight=1 - 0.9), KlConfig(weight=0.9, temperature=3)),
            },
        ),
    ],
)
def test_shorthands_of_pairs_expand_to_lists(changes: dict[str, str], expanded: dict) -> None:
    found = recipe(**changes).objectives
    assert {key: found[key] for key in expanded} == expanded
    assert found["baseline"] == found[WARM_UP] == (GOLDEN,) and found[f"{WARM_UP}.warm_up"] == (MseConfig(),)


def test_shorthands_of_spans_expand_to_lists() -> None:
    found = recipe("squad", reading__temperature="3", reading__candidates="2").objectives
    assert found["finetune"] == (
        SpanCrossEntropyConfig(weight=0.5), SpanKlConfig(weight=0.5, temperature=3),
        AnswerMarginConfig(weight=0.15, candidates=2), AttentionMseConfig(weight=0.05),
    )  # fmt: skip
    assert found["baseline"] == (SPANS,) and "pretrain" not in found
    first = recipe("squad", finetune__attention_first="true").objectives
    assert list(first)[-3:] == ["finetune.attention_first", "finetune", "baseline"]
    assert first["finetune.attention_first"] == (AttentionMseConfig(),)
    assert "attention_mse" not in [config.name for config in first["finetune"]]


def test_a_list_is_what_a_stage_learns() -> None:
    listed = recipe(
        finetune__objectives="[{name: kl, weight: 0.9, temperature: 2}]", pretrain__objectives="[{name: ranknet}]",
        teachers__cross_encoder__train__warm_up__objectives="[{name: kl}]",
    ).objectives  # fmt: skip
    assert listed["finetune"] == (KlConfig(weight=0.9, temperature=2),)
    assert [config.name for config in listed["pretrain"]] == ["ranknet"]
    assert listed[f"{WARM_UP}.warm_up"] == (KlConfig(),)


def test_a_recipe_with_lists_survives_being_written_and_read() -> None:
    """Comparisons and searches make the recipes of their cells so."""
    made = recipe(finetune__objectives="[{name: cross_entropy}, {name: kl, temperature: 2}]")
    tree = json.loads(json.dumps(made.model_dump(mode="json")))
    assert tree["finetune"]["objectives"][1] == {"name": "kl", "weight": 1.0, "temperature": 2.0}
    assert parse(Recipe, tree, "again") == made


def test_attention_is_learned_by_either_way_of_writing() -> None:
    assert recipe("squad").learns_attention and recipe("squad", finetune__attention_first="true").learns_attention
    assert not recipe("squad", finetune__attention="0").learns_attention and not recipe().learns_attention
    listed = "[{name: span_cross_entropy}, {name: attention_mse, weight: 0.1}]"
    assert recipe("squad", finetune__objectives=listed).learns_attention


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"finetune__alpha": "0.9"}, r"finetune\.objectives and finetune\.alpha are both given"),
        (
            {"finetune__alpha": "0.5", "finetune__objective": "kl"},
            r"finetune\.objectives and finetune\.alpha and finetune\.objective are both given",
        ),
        ({"regime": "golden"}, "finetune: objectives and alpha are both given"),
    ],
)
def test_a_list_and_a_shorthand_are_refused(overrides: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        recipe(**overrides, finetune__objectives="[{name: kl}]")


def test_a_temperature_of_reading_beside_lists_alone_is_refused() -> None:
    listed = "[{name: span_cross_entropy}, {name: span_kl, temperature: 2}]"
    with pytest.raises(UserError, match=r"reading\.temperature and finetune\.objectives are both given"):
        recipe("squad", finetune__objectives=listed, reading__temperature="3")


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ("[{name: kll}]", r"finetune.objectives.0: name: 'kll' is none of .*, attention_mse \(did you mean 'kl'\?\)"),
        (
            "[{name: kl, temprature: 2}]",
            r"finetune.objectives.0: kl: unknown key 'temprature' \(did you mean 'temperature'\?\); legal here: name",
        ),
        ("[{name: mse, temperature: 2}]", "mse: unknown key 'temperature'.*legal here: name, weight"),
        ("[{name: kl, temperature: 0}]", r"finetune.objectives.0.temperature: .*greater than or equal to 0.01"),
        ("[{name: kl, weight: -1}]", r"finetune.objectives.0.weight: .*greater than 0"),
        ("[{weight: 1}]", "name: None is none of"),
        ("[kl]", "'kl' must be a mapping with a name"),
        ("[{name: kl}, {name: kl, temperature: 2}]", "kl is listed twice"),
    ],
)
def test_a_list_with_a_fault_names_it(listed: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        recipe(finetune__objectives=listed)


@pytest.mark.parametrize(
    ("name", "stage", "listed", "told"),
    [
        ("docs", "finetune", "span_kl", "span_kl needs span_logits of the student, but corpus.task is pair"),
        (
            "docs",
            "finetune",
            "attention_mse",
            "attention_mse needs attention_maps of the student, but corpus.task",
        ),
        ("docs", "pretrain", "cross_entropy", "cross_entropy needs golden labels, but the unlabeled split has none"),
        ("docs", "baseline", "kl", "baseline.objectives: kl needs class_logits of the teachers, but golden labels"),
        (
            "docs",
            "teachers__cross_encoder__train",
            "mse",
            r"teachers.cross_encoder.train.objectives: mse needs class_logits of the teachers",
        ),
        (
            "docs",
            "teachers__cross_encoder__train__warm_up",
            "cross_entropy",
            r"warm_up.objectives: cross_entropy needs golden labels, but the unlabeled split has none",
        ),
        ("squad", "finetune", "ranknet", "ranknet needs class_logits of the student, but corpus.task is span"),
        (
            "squad",
            "pretrain",
            "attention_mse",
            "attention_mse needs attention_maps of the teachers, but the soft",
        ),
        ("mnli", "finetune", "margin_mse", "margin_mse compares candidates by the odds of two classes, but .* has 3"),
    ],
)
def test_what_does_not_fit_is_refused_naming_both_sides(name: str, stage: str, listed: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        recipe(name, **{f"{stage}__objectives": f"[{{name: {listed}}}]"})
