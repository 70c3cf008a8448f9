"""The strict base of every package's config: YAML in, dotted overrides on top, every fault with its key.

Each package owns its config as a frozen `Config`; `pipeline.recipe` composes them into one recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from tmkd.errors import UserError, shortened
from tmkd.faults import explain
from tmkd.values import Types, below, refuse_oddities
from tmkd.yaml_nodes import YamlError, compose, read_text
from tmkd.yaml_tree import build, typed

Tree = dict[str, Any]
ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of every config: unknown keys are refused, values are frozen once checked, `--run 7` names a run "7"."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_oddity(cls, value: Any, info: ValidationInfo) -> Any:
        refuse_oddities(value, below((cls,), info.field_name or ""))
        return value


def read_yaml(path: Path, model: type[Config]) -> Tree:
    """Read a YAML mapping whose values mean what the fields of ``model`` take.

    Raises:
        UserError: naming the file (and line) when it is no such mapping.
    """
    try:
        text = read_text(path)
    except (OSError, YamlError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    try:
        tree = build(compose(text), (model,))
    except YamlError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(tree, dict):
        found = "nothing" if tree is None else type(tree).__name__
        raise UserError(f"{path}: expected a mapping of keys to values, found {found}")
    return tree


def apply_overrides(tree: Tree, overrides: Mapping[str, str], model: type[Config]) -> Tree:
    """Return ``tree`` with ``{"student.layers": "3"}`` applied.

    A value means what its field in ``model`` takes: text fields get the text as it was typed (`tmkd.yaml_tree.typed`).

    Raises:
        UserError: naming the switch: an empty value, broken YAML for a list or mapping, or keys below a value.
    """
    result = _copy(tree)
    for dotted, text in overrides.items():
        node, kinds = result, (model,)
        *parents, leaf = dotted.split(".")
        for key in parents:
            node, kinds = _child(node, key, dotted), below(kinds, key)
        node[leaf] = _typed(dotted, text, below(kinds, leaf))
    return result


def parse(model: type[ConfigT], tree: Tree, source: str) -> ConfigT:
    """Check a whole tree at once.

    Raises:
        UserError: listing every fault with its dotted key, the value found and, for an
            unknown key, the nearest right one.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise UserError(explain(error, model, source)) from None


def _child(node: Tree, key: str, dotted: str) -> Tree:
    child = node.get(key)
    if child is None:
        child = node[key] = {}
    if not isinstance(child, dict):
        raise UserError(f"--{dotted}: {key!r} is a value ({shortened(repr(child), 200)}), not a group of keys")
    return child


def _typed(dotted: str, text: str, kinds: Types) -> Any:
    if not text:
        raise UserError(f"--{dotted}: the value is empty; null stands for none, where the field can be null")
    try:
        return typed(text, kinds)
    except YamlError as error:
        raise UserError(f"--{dotted}: {shortened(repr(text), 300)} is not valid YAML: {error}") from None


def _copy(tree: Any) -> Any:
    return {key: _copy(value) for key, value in tree.items()} if isinstance(tree, dict) else tree
