"""JSON files of model folders: objects, or one message that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tmkd.errors import UserError

LONGEST_REASON = 300


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        UserError: if it cannot be read, is empty, cut off, no JSON, or nested too deeply; the message names the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            raise UserError(f"{path}: is empty; download or save the model again")
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: is no readable JSON ({reason(error)}); download or save the model again") from None


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        UserError: as `read_json`, and where it holds something else than an object.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise UserError(f"{path}: expected a JSON object ({{…}}), found {kind_of(found)}")
    return found


def kind_of(value: object) -> str:
    """Return what a JSON value is, with a little of it, for messages."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    name = names.get(type(value), "a number")
    return name if isinstance(value, dict | list | None) else f"{name} ({str(value)[:40]!r})"


def reason(error: BaseException) -> str:
    """Return an error's message in one line of bounded length; its type where it has none."""
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
