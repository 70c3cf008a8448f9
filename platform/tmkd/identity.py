"""Identity of a specification: the values of its fields, without those that change nothing.

A field that is added later keeps, in its metadata, the value that stands for how it was before: ``introduced``. While
it has that value it is left out, so that what was made before the field existed stays valid; a changed default is
another identity. The introduced value is never edited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

APART: Mapping[str, Any] = {"identity": "apart"}
"""Metadata of a dataclass field that does not decide the result, such as a name or where a file lies."""
MERGED: Mapping[str, Any] = {"identity": "merged"}
"""Metadata of a nested dataclass whose fields are entered as if they were the outer one's."""
INTRODUCED = "introduced"


def introduced(value: Any) -> dict[str, Any]:
    """Return the metadata of a dataclass field, or the ``json_schema_extra`` of a config's, that is added later.

    Args:
        value: JSON-able; what the field stands for in everything that was made before it existed.

    Example:
        >>> from dataclasses import dataclass, field
        >>> @dataclass(frozen=True)
        ... class Settings:
        ...     rate: float
        ...     smoothing: float = field(default=0.0, metadata=introduced(0.0))
        >>> identity_values(Settings(0.1)), identity_values(Settings(0.1, 0.2))
        ({'rate': 0.1}, {'rate': 0.1, 'smoothing': 0.2})
    """
    return {INTRODUCED: value}


def identity_values(spec: Any) -> dict[str, Any]:
    """Return the JSON-able values that identify a dataclass or a config, nested ones included."""
    found: dict[str, Any] = {}
    for name, about in _fields(spec):
        value = getattr(spec, name)
        if about.get("identity") == "merged":
            found |= identity_values(value)
        elif about.get("identity") != "apart" and not (INTRODUCED in about and about[INTRODUCED] == _plain(value)):
            found[name] = _plain(value)
    return found


def _fields(spec: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the metadata of each field."""
    if isinstance(spec, BaseModel):
        for name, field in type(spec).model_fields.items():
            yield name, field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    else:
        for each in dataclasses.fields(spec):
            yield each.name, each.metadata


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) or isinstance(value, BaseModel):
        return identity_values(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value
