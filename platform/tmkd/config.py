"""The strict base of every room's config: YAML in, dotted overrides on top, nearest right key in errors.

Each room owns its config as a frozen `Config`; `pipeline.recipe` composes them into one recipe.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticUndefined

from tmkd.errors import UserError, nearest

Tree = dict[str, Any]
ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of every config: unknown keys are refused, values are frozen once checked, `--run 7` names a run "7"."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )


class Field(NamedTuple):
    """One recipe field as `--help` shows it."""

    path: str
    type: str
    default: str
    meaning: str


class _Loader(yaml.SafeLoader):
    """Refuses what YAML would let pass: a key that stands twice, of which the last would win, and a tree in itself."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.constructor.ConstructorError(
                    problem=f"line {line}: the key {key.value!r} stands there already; names must differ"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            node = self.anchors.get(event.anchor)
            if node is not None and node.end_mark is None:  # still being read: it would hold itself
                raise yaml.composer.ComposerError(problem=f"*{event.anchor} stands inside of what it names")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> Tree:
    """Read a YAML mapping. Raises `UserError` naming the file (and line) when it is not one."""
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not isinstance(tree, dict):
        raise UserError(f"{path}: expected a mapping of keys to values, found {type(tree).__name__}")
    return tree


def apply_overrides(tree: Tree, overrides: Mapping[str, str]) -> Tree:
    """Return ``tree`` with ``{"student.layers": "3"}`` applied; values are read as YAML."""
    result = _copy(tree)
    for dotted, text in overrides.items():
        *parents, leaf = dotted.split(".")
        node = result
        for key in parents:
            child = node.get(key)
            if child is None:
                child = node[key] = {}
            if not isinstance(child, dict):
                raise UserError(f"--{dotted}: {key!r} is a value ({child!r}), not a group of keys")
            node = child
        try:
            node[leaf] = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
        except yaml.YAMLError:
            node[leaf] = text
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
        faults = _faults(error)
        shown = "\n".join(f"  {_explain(model, keys, fault)}" for keys, fault in faults)
        raise UserError(f"{source}: {len(faults)} fault(s)\n{shown}") from None


def describe(model: type[Config], prefix: str = "") -> Iterator[Field]:
    """Yield every field below ``model`` with dotted path, type, default and meaning."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        children = _configs_in(info.annotation)
        origin = typing.get_origin(info.annotation)
        below = ".NAME." if origin is dict else "[]." if origin is list else "."
        default = "required" if info.default is PydanticUndefined and info.default_factory is None else None
        if default is None and not children:
            default = _show(info.get_default(call_default_factory=True))
        if children:
            yield Field(path, "group", "", info.description or (children[0].__doc__ or "").split("\n")[0])
            for child in children:
                yield from describe(child, f"{path}{below}")
        else:
            yield Field(path, _type_name(info.annotation), default or "", info.description or "")


def _copy(tree: Any) -> Any:
    return {key: _copy(value) for key, value in tree.items()} if isinstance(tree, dict) else tree


def _show(value: Any) -> str:
    return "null" if value is None else "empty" if value in ([], {}, ()) else str(value)


def _configs_in(annotation: Any) -> list[type[Config]]:
    """Return the config classes that an annotation holds (directly, in a union or in a dict)."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return [annotation]
    found: list[type[Config]] = []
    for argument in typing.get_args(annotation):
        found.extend(config for config in _configs_in(argument) if config not in found)
    return found


def _type_name(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Literal:
        return "|".join(_show(value) for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return "|".join("null" if a is type(None) else _type_name(a) for a in arguments)
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin is not None:
        inner = ", ".join(_type_name(a) for a in arguments if a is not Ellipsis)
        return f"{origin.__name__}[{inner}]"
    return "null" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))


def _faults(error: ValidationError) -> list[tuple[list[str], Any]]:
    """Return (keys, fault) pairs without pydantic's marks for the branches of a union.

    Where one branch of a union went further down before it failed, the others' faults tell nothing.
    """
    found = [([str(key) for key in fault["loc"] if not _is_branch(key)], fault) for fault in error.errors()]
    return [
        (keys, fault)
        for keys, fault in found
        if not any(len(other) > len(keys) and other[: len(keys)] == keys for other, _ in found)
    ]


def _is_branch(key: int | str) -> bool:
    classes = (config.__name__ for config in Config.__subclasses__())
    return isinstance(key, str) and ("[" in key or key in ("int", "str", "float", "bool", *classes))


_NOT_TEXT = ("list_type", "dict_type", "model_type", "model_attributes_type")
"""Faults of a text where a list or a mapping was wanted: an override that could not be read as one."""


def _explain(model: type[Config], keys: list[str], fault: Any) -> str:
    dotted = ".".join(keys) or "(whole recipe)"
    if fault["type"] == "extra_forbidden":
        legal = _legal_keys(model, keys[:-1])
        return f"{dotted}: unknown key{nearest(keys[-1], legal)}; legal here: {', '.join(sorted(legal))}"
    if fault["type"] == "missing":
        return f"{dotted}: required, but missing"
    message = fault["msg"].removeprefix("Value error, ")
    found = fault.get("input")
    shown = "" if isinstance(found, dict | Config) or fault["type"] == "value_error" else f" (found {found!r})"
    if isinstance(found, str) and found.lstrip().startswith(("[", "{")) and fault["type"] in _NOT_TEXT:
        shown = f" (found {found!r}, which is not valid YAML)"
    return f"{dotted}: {message}{shown}"


def _legal_keys(model: type[Config], keys: list[str]) -> set[str]:
    """Follow ``keys`` down from ``model``; the names of dict entries (a teacher's) are the user's own."""
    current = [model]
    names_next = False
    for key in keys:
        if names_next or key.isdigit():  # a place in a list has no name
            names_next = False
            continue
        fields = [config.model_fields[key] for config in current if key in config.model_fields]
        names_next = any(typing.get_origin(info.annotation) is dict for info in fields)
        current = [child for info in fields for child in _configs_in(info.annotation)]
    return {name for config in current for name in config.model_fields}
