"""Which packages are installed, and which of their files hold documentation worth reading."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tmkd.corpus.docs.config import DocsConfig
from tmkd.corpus.docs.parse import SourceFile
from tmkd.errors import UserError, nearest

SKIPPED_FOLDERS = frozenset(
    [
        "test",
        "tests",
        "testing",
        "_vendor",
        "vendor",
        "vendored",
        "third_party",
        "thirdparty_files",
        "benchmarks",
        "examples",
        "__pycache__",
    ]
)
NO_SPEC = ("__main__",)
"""Modules that Python refuses to look for."""
OWN_PACKAGE = "tmkd"  # it changes with every edit of this project, and would be its own test


def find_sources(config: DocsConfig) -> list[SourceFile]:
    """Return the Python files to read, by package and module, without tests and vendored copies.

    Raises:
        UserError: if a package or the folder is not there.
    """
    folders = _package_folders(config)
    return [source for name in sorted(folders) for source in _walk(name, folders[name])]


def sources_state(config: DocsConfig) -> dict[str, Any]:
    """Return what identifies the sources without reading them: versions, or sizes and times of a folder's files."""
    if config.folder:
        files = [Path(source.path) for source in find_sources(config)]
        stats = [(str(file), found.st_size, found.st_mtime_ns) for file in files for found in [_stat(file)]]
        return {"files": stats}
    versions = {dist.name: dist.version for dist in importlib.metadata.distributions() if dist.name != OWN_PACKAGE}
    return {"python": platform.python_version(), "packages": dict(sorted(versions.items()))}


def _package_folders(config: DocsConfig) -> dict[str, Path]:
    """Return ``{import name: its folder, or its only file}``."""
    if config.folder and not Path(config.folder).is_dir():
        raise UserError(f"corpus.docs.folder: {config.folder} is not a folder; expected one that holds Python packages")
    roots = [Path(config.folder)] if config.folder else _site_folders()
    found: dict[str, Path] = {}
    for root in roots:
        for path in _entries(root):
            name = path.stem if path.suffix == ".py" else path.name
            if name.isidentifier() and name != OWN_PACKAGE and (path.is_dir() or path.suffix == ".py"):
                found.setdefault(name, path)
    if config.packages is None:
        return found
    return {name: _named_package(name, found, in_folder=bool(config.folder)) for name in config.packages}


def _named_package(name: str, found: dict[str, Path], in_folder: bool) -> Path:
    if name in found:
        return found[name]
    # An editable installation is not in the site folder. Finding a top-level spec imports nothing.
    spec = importlib.util.find_spec(name) if name.isidentifier() and name not in NO_SPEC and not in_folder else None
    if spec and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    where = "in that folder" if in_folder else "installed"
    raise UserError(f"corpus.docs.packages: no package {name!r} is {where}{nearest(name, found)}; give import names")


def _site_folders() -> list[Path]:
    names = ("site-packages", "dist-packages")
    return [path for path in map(Path, sys.path) if path.name in names and path.is_dir()]


def _walk(package: str, start: Path) -> Iterator[SourceFile]:
    if not start.is_dir():
        yield SourceFile(package, package, str(start))
        return
    unread: list[OSError] = []
    for folder, inner, files in os.walk(start, onerror=unread.append):
        inner[:] = sorted(name for name in inner if name not in SKIPPED_FOLDERS)
        parts = [package, *Path(folder).relative_to(start).parts]
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith(("test_", "conftest")) and not name.endswith("_test.py"):
                module = ".".join(parts if name == "__init__.py" else [*parts, name[:-3]])
                yield SourceFile(package, module, str(Path(folder, name)))
    for error in unread:  # folders, which whoever reads them will find out and count
        yield SourceFile(package, package, str(error.filename))


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError as error:
        raise UserError(f"corpus.docs.folder: {root} cannot be read ({error.strerror})") from None


def _stat(path: Path) -> os.stat_result:
    """Return the state of a file, or of a link that leads nowhere."""
    try:
        return path.stat()
    except OSError:
        return path.lstat()
