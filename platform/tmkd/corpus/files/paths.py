"""Files that a path, a folder or a pattern stands for. Hidden ones are passed over, as the shell and Spark do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from tmkd.errors import UserError

Format = Literal["tsv", "csv", "jsonl", "parquet", "squad", "hub"]
EXTENSIONS: dict[str, Format] = {
    ".tsv": "tsv",
    ".txt": "tsv",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
PACKED = (".gz", ".bz2", ".xz", ".zst")
HIDDEN = (".", "_")
"""First characters of names that no folder or pattern stands for: ``._train.tsv``, ``_SUCCESS``, ``.part-0.crc``."""
SHOWN = 8


def expand(path: str, key: str, any_extension: bool = False) -> list[Path]:
    """Return the files that a path, a folder or a pattern (``data/*/train.tsv``, ``**`` too) stands for, sorted.

    Args:
        path: as in the recipe.
        key: the recipe key that holds it, for messages.
        any_extension: whether a folder's files are taken whatever their names end in.

    Raises:
        UserError: if there is none.
    """
    place = Path(os.path.expandvars(path)).expanduser()
    if place.is_file():
        return [place]
    if place.is_dir():
        return _in_folder(place, path, key, any_extension)
    if any(character in path for character in "*?["):
        found = _matches(place)
        files = [match for match in found if match.is_file()]
        if files:
            return files
        if found:  # folders alone, such as those that Spark writes a table into
            return [file for folder in found for file in _in_folder(folder, str(folder), key, any_extension)]
    raise UserError(f"{key}: no file {path} (looked from {Path.cwd()}){_neighbours(place)}")


def extension_of(file: Path) -> str:
    """Return what a file's name ends in, in lower case and without the ending of a packed file."""
    return file.with_suffix("").suffix.lower() if file.suffix.lower() in PACKED else file.suffix.lower()


def _in_folder(folder: Path, shown: str, key: str, any_extension: bool) -> list[Path]:
    visible = sorted(file for file in folder.iterdir() if not file.name.startswith(HIDDEN))
    files = [file for file in visible if file.is_file()]
    known = [file for file in files if extension_of(file) in EXTENSIONS]
    if known or (any_extension and files):
        return known or files
    below = [place.name for place in visible if place.is_dir()][:SHOWN]
    hint = f"; its folders ({', '.join(below)}) are read by a pattern such as {shown}/*/*.tsv" if below else ""
    ends = f"{', '.join(EXTENSIONS)} (or with {', '.join(PACKED)} after it)"
    raise UserError(f"{key}: folder {shown} holds no file ending in {ends}{hint}")


def _matches(pattern: Path) -> list[Path]:
    """Return what a pattern matches, without what is hidden and not spelled out in the pattern."""
    root = Path(pattern.anchor)
    asked = pattern.name.startswith(HIDDEN)

    def is_hidden(match: Path) -> bool:
        folders = (part for part in match.parts[:-1] if part not in pattern.parts)
        return any(part.startswith(HIDDEN) for part in folders) or (match.name.startswith(HIDDEN) and not asked)

    return sorted(match for match in root.glob(str(pattern.relative_to(root))) if not is_hidden(match))


def _neighbours(place: Path) -> str:
    if not place.parent.is_dir():
        return f"; folder {place.parent} is not there either"
    names = sorted(file.name for file in place.parent.iterdir() if extension_of(file) in EXTENSIONS)
    names = [name for name in names if not name.startswith(HIDDEN)][:SHOWN]
    return f"; in that folder: {', '.join(names)}" if names else ""
