"""Every field of a config as ``--help`` shows it."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from tmkd.values import configs_in


class Field(NamedTuple):
    """One recipe field as `--help` shows it."""

    path: str
    type: str
    default: str
    meaning: str


def describe(model: type[BaseModel], prefix: str = "") -> Iterator[Field]:
    """Yield every field below ``model`` with dotted path, type, default and meaning."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        children = configs_in(info.annotation)
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


def _show(value: Any) -> str:
    return "null" if value is None else "empty" if value in ([], {}, ()) else str(value)


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
