"""Faults of a checked config in a user's words: dotted key, value found, nearest right key."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from tmkd.errors import nearest, shortened
from tmkd.values import all_configs, configs_in

SHOWN_FAULTS = 12
ALL_LINES_LENGTH = 1600
LINE_LENGTH, VALUE_LENGTH, KEY_LENGTH = 500, 120, 160
Model = type[BaseModel]


def explain(error: ValidationError, model: Model, source: str) -> str:
    """Return the message that lists the faults of ``source``, one per line; many are cut short with their number."""
    faults = _faults(error, model)
    lines: list[str] = []
    for keys, fault in faults[:SHOWN_FAULTS]:
        line = f"  {shortened(_explain(model, keys, fault), LINE_LENGTH)}"
        if lines and sum(map(len, lines)) + len(line) > ALL_LINES_LENGTH:
            break
        lines.append(line)
    if more := len(faults) - len(lines):
        lines.append(f"  … and {more} more")
    return "\n".join([f"{shortened(source, 300)}: {len(faults)} fault(s)", *lines])


def _faults(error: ValidationError, model: Model) -> list[tuple[list[str], Any]]:
    """Return (keys, fault) pairs without pydantic's marks for the branches of a union.

    Where one branch of a union went further down before it failed, the others' faults tell nothing.
    """
    names = frozenset(["int", "str", "float", "bool", *(config.__name__ for config in all_configs(model))])
    found = [(_keys(fault, names), fault) for fault in error.errors(include_url=False)]
    if len(found) > SHOWN_FAULTS**2:  # the comparison below is of each with each
        return found
    return [
        (keys, fault)
        for keys, fault in found
        if not any(len(other) > len(keys) and other[: len(keys)] == keys for other, _ in found)
    ]


def _keys(fault: Any, names: frozenset[str]) -> list[str]:
    if fault["type"] == "extra_forbidden":  # the unknown key itself may look like the mark of a branch
        *parents, last = fault["loc"]
        return [*(str(key) for key in parents if not _is_branch(key, names)), str(last)]
    return [str(key) for key in fault["loc"] if not _is_branch(key, names)]


def _is_branch(key: int | str, names: frozenset[str]) -> bool:
    return isinstance(key, str) and ("[" in key or key in names)


_NOT_TEXT = ("list_type", "dict_type", "model_type", "model_attributes_type")
"""Faults of a text where a list or a mapping was wanted: an override that could not be read as one."""
_OWN_WORDS = ("value_error", "assertion_error")
"""Faults whose message names the value already."""


def _explain(model: Model, keys: list[str], fault: Any) -> str:
    dotted = shortened(".".join(keys) if keys else "(whole recipe)", KEY_LENGTH)
    if fault["type"] == "extra_forbidden":
        legal = _legal_keys(model, keys[:-1])
        return f"{dotted or repr('')}: unknown key{nearest(keys[-1], legal)}; legal here: {', '.join(sorted(legal))}"
    if fault["type"] == "missing":
        return f"{dotted}: required, but missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{dotted}: {message}{_shown(fault)}"


def _shown(fault: Any) -> str:
    found = fault.get("input")
    if isinstance(found, dict | BaseModel) or fault["type"] in _OWN_WORDS:
        return ""
    try:
        brief = shortened(repr(found), VALUE_LENGTH)
    except ValueError:  # thousands of digits
        brief = "a number of thousands of digits"
    if isinstance(found, str) and found.lstrip().startswith(("[", "{")) and fault["type"] in _NOT_TEXT:
        return f" (found {brief}, which is not valid YAML)"
    return f" (found {brief})"


def _legal_keys(model: Model, keys: list[str]) -> set[str]:
    """Follow ``keys`` down from ``model``; the names of dict entries (a teacher's) are the user's own."""
    current = [model]
    names_next = False
    for key in keys:
        if names_next or key.isdigit():  # a place in a list has no name
            names_next = False
            continue
        fields = [config.model_fields[key] for config in current if key in config.model_fields]
        names_next = any(typing.get_origin(info.annotation) is dict for info in fields)
        current = [child for info in fields for child in configs_in(info.annotation)]
    return {name for config in current for name in config.model_fields}
