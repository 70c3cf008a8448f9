"""What a written value means, by the type of the field that it is for.

A text field gets the text as it was written (``2024_01_02``, ``007``, ``no``), a number field a number, lists and
mappings are YAML. A word is null, true or false only for a field that can be it.
"""

from __future__ import annotations

import re
import types
import typing
from typing import Any

from pydantic import BaseModel

_NULL = ("null", "Null", "NULL", "~")
_BOOLEANS = {spelt: word == "true" for word in ("true", "false") for spelt in (word, word.title(), word.upper())}
_INTEGERS = ((re.compile(r"[-+]?[0-9]{1,4000}"), 10), (re.compile(r"0o[0-7]{1,4000}"), 8))
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,3000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|([-+]?\.(inf|Inf|INF))|\.(nan|NaN|NAN)")
_POSITION = re.compile(r"-?(0|[1-9][0-9]{0,18})")

MAX_TEXT = 4096
"""Characters of one text: a path, a name, a pattern."""

Types = tuple[Any, ...]
"""What a field may hold: the branches of its annotation; empty where nothing is known."""


def branches(annotation: Any) -> Types:
    """Return the branches of an annotation, without `Annotated` and unions."""
    if annotation is Any or annotation is None:
        return ()
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return branches(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(branch for argument in arguments for branch in branches(argument))
    return (annotation,)


def is_group(kind: Any) -> bool:
    """Tell whether a branch holds several values: a list, a mapping, a config."""
    return typing.get_origin(kind) in (list, tuple, dict) or is_config(kind)


def is_config(kind: Any) -> bool:
    """Tell whether a branch is a config."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def below(kinds: Types, key: str) -> Types:
    """Return what may stand at ``key`` of a mapping of these types."""
    found: list[Any] = []
    for kind in kinds:
        if is_config(kind):
            found.extend(branches(kind.model_fields[key].annotation) if key in kind.model_fields else ())
        elif typing.get_origin(kind) is dict:
            found.extend(branches(typing.get_args(kind)[1]))
    return tuple(found)


def items(kinds: Types) -> Types:
    """Return what may stand in a list of these types."""
    lists = [kind for kind in kinds if typing.get_origin(kind) in (list, tuple)]
    return tuple(b for kind in lists for argument in typing.get_args(kind) for b in branches(argument))


def configs_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the config classes that an annotation holds (directly, in a union, a list or a dict)."""
    if is_config(annotation):
        return [annotation]
    found: list[type[BaseModel]] = []
    for argument in typing.get_args(annotation):
        found.extend(config for config in configs_in(argument) if config not in found)
    return found


def all_configs(model: type[BaseModel]) -> list[type[BaseModel]]:
    """Return ``model`` and every config below it."""
    found = [model]
    for config in found:  # grows while it is read
        for info in config.model_fields.values():
            found.extend(child for child in configs_in(info.annotation) if child not in found)
    return found


def refuse_oddities(value: Any, kinds: Types) -> None:
    """Raise `ValueError` for what no field takes: a boolean as number or text, text that is no text, endless text."""
    if isinstance(value, bool) and kinds and bool not in kinds:
        hint = "; in quotes it is a text" if str in kinds else ""
        raise ValueError(f"{str(value).lower()} is a boolean, which this field does not take{hint}")
    if isinstance(value, str):
        _refuse_odd_text(value)
    elif isinstance(value, list | tuple):
        for item in value:
            refuse_oddities(item, items(kinds))
    elif isinstance(value, dict) and not any(map(is_config, kinds)):  # a config checks its own fields
        for key, item in value.items():
            refuse_oddities(key, (str,))
            refuse_oddities(item, below(kinds, str(key)))


def _refuse_odd_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise ValueError(f"{text[:60]!r}… has {len(text):,} characters, but at most {MAX_TEXT:,} are taken")
    if "\0" in text:
        raise ValueError(f"{text[:60]!r} holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{text[:60]!r} is not valid Unicode; was a file name in another encoding? Rename it")


def meaning(text: str, kinds: Types) -> Any:
    """Return what a word without quotes means for a field of these types."""
    if not text or (type(None) in kinds and text in _NULL):
        return None
    if any(text in typing.get_args(kind) for kind in kinds if typing.get_origin(kind) is typing.Literal):
        return text
    if str in kinds:
        return int(text) if int in kinds and _POSITION.fullmatch(text) else text
    return core(text)


def core(text: str) -> Any:
    """Return what a plain scalar is by the core schema of YAML 1.2: null, a boolean, a number or text."""
    if text in _NULL or not text:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            return int(text.replace("0o", ""), base)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    return float(text.replace(".inf", "inf").replace(".nan", "nan").lower()) if _FLOAT.fullmatch(text) else text
