"""Which files (or hub splits) a config names, and what identifies them without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from tmkd.corpus.config import Column, CorpusConfig
from tmkd.corpus.files.paths import EXTENSIONS, PACKED, Format, expand, extension_of
from tmkd.errors import UserError
from tmkd.tasks.registry import task_of

WHOLE = "all"
"""Name of the one source that holds everything and is split by question."""


class Source(NamedTuple):
    """One file or hub split.

    Attributes:
        split: ``unlabeled``, ``train``, ``validation``, ``test``, or `WHOLE`.
        location: path of the file; name of the split for the hub.
        format: how it is read.
        columns: ``{role: column}`` to take from it.
        name: what rows without a key of their own are called after, different for all files of a split.
    """

    split: str
    location: str
    format: Format
    columns: dict[str, Column]
    name: str


def list_sources(config: CorpusConfig) -> list[Source]:
    """Return the files of every split, in order.

    Raises:
        UserError: if a path leads to nothing, or to a file of unknown format.
    """
    given = config.paths.given() or ({WHOLE: [config.path]} if config.path else {})
    sources = []
    for split, paths in given.items():
        key = f"corpus.paths.{split}" if split != WHOLE else "corpus.path"
        files = [file for path in paths for file in expand(path, key, config.format != "auto")]
        sources += [_source(split, file, name, config) for file, name in zip(files, names_of(files), strict=True)]
    return sources


def names_of(files: Sequence[Path]) -> list[str]:
    """Return a name for each file: its own, or as much of the path's end as tells it from others of that name.

    Keys of rows are made of these names. A file that is there again is numbered: ``a.tsv``, ``a.tsv~2``.
    """
    paths = [file.absolute().parts for file in files]
    ends = Counter(path[-depth:] for path in set(paths) for depth in range(1, len(path) + 1))
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        depth = next(depth for depth in range(1, len(path) + 1) if ends[path[-depth:]] == 1)
        name = Path(*path[-depth:]).as_posix()
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return names


def _source(split: str, file: Path, name: str, config: CorpusConfig) -> Source:
    kind = _format_of(file, config)
    columns = _squad_columns(split) if kind == "squad" else _columns_for(split, config)
    return Source(split, str(file), kind, columns, name)


def _squad_columns(split: str) -> dict[str, Column]:
    """Return the columns that the format itself gives."""
    columns: dict[str, Column] = {"question": "question", "passage": "context", "source_id": "id", "group": "title"}
    return columns if split == "unlabeled" else {**columns, "answers": "answers"}


def passages_sources(config: CorpusConfig) -> list[Source]:
    """Return the files to mine candidates from, if there are any of their own."""
    if config.mining.passages is None:
        return []
    files = expand(config.mining.passages, "corpus.mining.passages", config.format != "auto")
    columns: dict[str, Column] = {"passage": config.mining.column}
    return [
        Source("passages", str(file), _format_of(file, config), columns, name)
        for file, name in zip(files, names_of(files), strict=True)
    ]


def files_state(config: CorpusConfig) -> list[tuple[str, int, int]]:
    """Return (path, size, modification time) of every file that the corpus is made from; nothing for the hub."""
    sources = list_sources(config) if config.source_kind == "files" else []
    files = [Path(source.location).resolve() for source in [*sources, *passages_sources(config)]]
    return [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _columns_for(split: str, config: CorpusConfig) -> dict[str, Column]:
    columns = config.columns.named()
    if split == "unlabeled":  # labels there would not be used, so they need not be there
        columns = {role: column for role, column in columns.items() if role not in ("label", "grade", "answers")}
    return columns


def _format_of(file: Path, config: CorpusConfig) -> Format:
    if config.format != "auto":
        return config.format
    extension = extension_of(file)
    if extension not in EXTENSIONS:
        legal = f"{', '.join(EXTENSIONS)} (packed: {', '.join(PACKED)})"
        raise UserError(f"{file}: unknown extension {extension!r}; expected {legal}, or set corpus.format")
    usual = EXTENSIONS[extension]
    return cast(Format, task_of(config.task).formats.get(extension, usual))
