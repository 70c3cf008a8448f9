"""Strict configs: every fault named at once with its dotted key, overrides read as YAML, all fields described."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError

from tmkd.config import Config, apply_overrides, parse, read_yaml
from tmkd.errors import UserError, nearest
from tmkd.fields import describe


class Rate(Config):
    """How fast."""

    learning_rate: float = Field(1e-4, gt=0, description="peak rate")


class Entry(Config):
    """One of many."""

    size: int = Field(description="how large")
    kind: Literal["big", "small"] = Field("small", description="which")
    rate: Rate | None = Field(None, description="null = none")


class Whole(Config):
    """All of it."""

    name: str = Field("x", description="what it is called")
    entries: dict[str, Entry] = Field({}, description="by name")
    rate: Rate = Field(Rate(), description="how fast it goes")


def fault(tree: dict) -> str:
    with pytest.raises(UserError) as caught:
        parse(Whole, tree, "recipe r")
    return str(caught.value)


@pytest.mark.parametrize(
    ("tree", "key", "right"),
    [
        ({"nam": "y"}, "nam", "name"),
        ({"rate": {"learning_rat": 1}}, "rate.learning_rat", "learning_rate"),
        ({"entries": {"a": {"size": 1, "kid": "big"}}}, "entries.a.kid", "kind"),
        ({"entries": {"a": {"size": 1, "rate": {"lerning_rate": 1}}}}, "entries.a.rate.lerning_rate", "learning_rate"),
    ],
)
def test_an_unknown_key_at_any_depth_is_refused_with_the_nearest_right_one(tree, key: str, right: str) -> None:
    assert f"  {key}: unknown key (did you mean '{right}'?); legal here: " in fault(tree)


def test_the_legal_keys_are_those_of_that_place_only() -> None:
    message = fault({"entries": {"a": {"size": 1, "zzz": 2}}})
    assert message.endswith("entries.a.zzz: unknown key; legal here: kind, rate, size")


def test_all_faults_are_listed_at_once_with_what_was_found() -> None:
    message = fault({"entries": {"a": {"kind": "huge"}}, "rate": {"learning_rate": -1}, "names": 1})
    assert message.startswith("recipe r: 4 fault(s)\n")
    assert "entries.a.size: required, but missing" in message
    assert "entries.a.kind: Input should be 'big' or 'small' (found 'huge')" in message
    assert "rate.learning_rate: Input should be greater than 0 (found -1)" in message
    assert "names: unknown key (did you mean 'name'?)" in message


def test_a_config_is_frozen_once_checked() -> None:
    with pytest.raises(ValidationError):
        parse(Whole, {}, "r").name = "other"


def test_overrides_are_read_as_yaml_and_nest() -> None:
    tree = {"rate": {"learning_rate": 1.0}, "name": "kept"}
    result = apply_overrides(
        tree, {"rate.learning_rate": "3e-4", "entries.a.size": "7", "entries.a.rate": "null", "list": "[1, two]"}, Whole
    )
    assert result["entries"] == {"a": {"size": 7, "rate": None}}
    assert result["list"] == [1, "two"] and result["name"] == "kept"
    assert parse(Rate, result["rate"], "r").learning_rate == 3e-4


def test_overrides_leave_the_tree_that_was_read_alone() -> None:
    tree = {"rate": {"learning_rate": 1.0}}
    apply_overrides(tree, {"rate.learning_rate": "2.0", "rate.other": "1"}, Whole)
    assert tree == {"rate": {"learning_rate": 1.0}}


def test_an_override_may_fill_a_group_that_is_null() -> None:
    assert apply_overrides({"rate": None}, {"rate.learning_rate": "1.0"}, Whole) == {"rate": {"learning_rate": 1.0}}


def test_an_override_below_a_value_names_the_value() -> None:
    with pytest.raises(UserError, match=r"--name\.first\.x: 'name' is a value \('docs'\), not a group of keys"):
        apply_overrides({"name": "docs"}, {"name.first.x": "1"}, Whole)


def test_an_override_that_is_no_yaml_is_taken_as_text() -> None:
    assert apply_overrides({}, {"pattern": "[^:]*: (.*)"}, Whole) == {"pattern": "[^:]*: (.*)"}


def test_every_field_is_described_with_type_default_and_meaning() -> None:
    found = {field.path: field for field in describe(Whole)}
    assert list(found) == [
        "name", "entries", "entries.NAME.size", "entries.NAME.kind", "entries.NAME.rate",
        "entries.NAME.rate.learning_rate", "rate", "rate.learning_rate",
    ]  # fmt: skip
    assert found["entries.NAME.size"][1:] == ("int", "required", "how large")
    assert found["entries.NAME.kind"][1:] == ("big|small", "small", "which")
    assert found["rate.learning_rate"][1:] == ("float", "0.0001", "peak rate")
    assert found["rate"][1:] == ("group", "", "how fast it goes")


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "not valid YAML: .*line"), ("- a\n- b", "expected a mapping of keys to values, found list")],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path, text: str, message: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"(?s)r\.yaml: {message}"):
        read_yaml(path, Whole)


def test_a_file_that_cannot_be_read_is_named(tmp_path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    for name in ("none.yaml", "latin.yaml"):
        with pytest.raises(UserError, match=f"{name}: cannot be read"):
            read_yaml(tmp_path / name, Whole)


def test_nearest_is_silent_when_nothing_is_near() -> None:
    assert nearest("layrs", ["layers", "base"]) == " (did you mean 'layers'?)"
    assert nearest("qqq", ["layers", "base"]) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given already"),
        ("teachers:\n  s: {x: 1}\n  s: {x: 2}\n", "line 3: the key 's' is given already"),
        ("a: &a [*a]\n", r"\*a is inside of what it names"),
    ],
)
def test_what_yaml_would_let_pass_is_refused(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_yaml(path, Whole)
