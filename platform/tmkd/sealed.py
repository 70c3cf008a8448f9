"""JSON files with a checksum inside, so that a cut or edited one is noticed whatever was changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tmkd.integrity import DamagedError, remedy
from tmkd.workspace import Workspace, fingerprint

CHECKSUM = "checksum"
"""Key of the fingerprint over all other keys. Files of older versions have none and are read unchecked."""


def publish_sealed(workspace: Workspace, path: str, value: Mapping[str, Any]) -> None:
    """Publish a JSON object with its checksum."""
    tree = json.loads(json.dumps(dict(value), default=str))
    workspace.publish_json(path, {**tree, CHECKSUM: fingerprint(tree)})


def read_sealed(workspace: Workspace, path: str) -> dict[str, Any]:
    """Return what `publish_sealed` wrote, without its checksum.

    Raises:
        DamagedError: if the file is cut or edited, or holds no JSON object.
    """
    tree, expected = _read(workspace, path)
    if expected is not None and fingerprint(tree) != expected:
        raise DamagedError(f"{workspace.show(path)}: was edited since it was written; {remedy(path)}")
    return tree


def is_sealed(workspace: Workspace, path: str) -> bool:
    """Tell whether a JSON file holds a checksum; one of an older version holds none."""
    return _read(workspace, path)[1] is not None


def _read(workspace: Workspace, path: str) -> tuple[dict[str, Any], Any]:
    try:
        tree = dict(workspace.read_json(path))
    except (ValueError, TypeError):
        raise DamagedError(f"{workspace.show(path)}: is cut or holds no JSON object; {remedy(path)}") from None
    return tree, tree.pop(CHECKSUM, None)
