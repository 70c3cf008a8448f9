"""Modules of users: importing them adds losses, teacher kinds, student kinds and tasks to the registries."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from tmkd.errors import UserError

GROUP = "tmkd.plugins"
"""Entry points of installed packages that are imported without being asked for."""
PASSED_ON = "TMKD_PLUGINS"
"""Environment variable that tells Ray's workers which modules to import."""
REMEDY = "give a module that Python finds from here, such as my_losses for my_losses.py in this folder"


def load_plugins(names: Sequence[str]) -> None:
    """Import the plugins of installed packages and those named, and have every worker import them, too.

    Args:
        names: dotted names of modules; the current folder is searched last.

    Raises:
        UserError: if a module is not there or fails while it is imported.
    """
    installed = [found.module for found in entry_points(group=GROUP)]
    wanted = list(dict.fromkeys([*installed, *(name for name in names if name)]))
    if wanted and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    for name in wanted:
        _load(name, "--plugins" if name in names else f"entry point {GROUP}")
    if wanted:
        os.environ[PASSED_ON] = ",".join(wanted)


def load_passed_on() -> None:
    """Import in a worker what its driver has imported."""
    for name in filter(None, os.environ.get(PASSED_ON, "").split(",")):
        _load(name, PASSED_ON)


def plugin_folders() -> list[str]:
    """Return the folders and files that a cluster's other nodes need for the plugins, each of them once."""
    tops = [name.split(".")[0] for name in filter(None, os.environ.get(PASSED_ON, "").split(","))]
    files = [spec.origin for top in dict.fromkeys(tops) if (spec := importlib.util.find_spec(top)) and spec.origin]
    return [str(Path(file).parent if Path(file).name == "__init__.py" else file) for file in files]


def _load(name: str, where: str) -> None:
    try:
        importlib.import_module(name)
    except UserError:
        raise
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name in (name, name.split(".")[0])
        reason = "there is no such module" if missing else f"{type(error).__name__} while it was imported: {error}"
        raise UserError(f"{where}: {name!r}: {reason}; {REMEDY}") from error
