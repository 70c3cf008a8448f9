"""JSON files to rows: JSON lines, one array of objects, or one object that holds such an array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tmkd.console import note
from tmkd.corpus.config import AUTO, Column, CorpusConfig
from tmkd.corpus.files.json_values import Value, json_documents, json_lines, shape_of
from tmkd.corpus.files.records import ROLES, Bad, Record, Row
from tmkd.corpus.files.sources import Source
from tmkd.corpus.files.streams import open_text
from tmkd.errors import UserError, nearest

PROBE_OBJECTS = 100


def read_json(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield a row per JSON object; a key that an object lacks is null.

    Positions are line numbers of JSON lines, else the objects' numbers, from 1.

    Raises:
        UserError: if the file is unreadable or empty, or none of the first 100 objects has a named key.
    """
    if any(isinstance(key, int) for key in source.columns.values()):
        raise UserError(f"{source.location}: JSON lines have no positions; give key names in corpus.columns")
    with open_text(source.location, config.encoding) as file:
        shape = shape_of(file)
    with open_text(source.location, config.encoding) as file:
        values = json_lines(file) if shape == "lines" else json_documents(file, source.location, shape == "array")
        yield from _rows(_unwrapped(values, source), source)


def _rows(values: Iterator[Value], source: Source) -> Iterator[Record]:
    missing = {key: role for role, key in _named(source).items()}
    keys = [_key(source.columns.get(role)) for role in ROLES]
    found: dict[str, None] = {}
    objects = 0
    for position, record in values:
        if isinstance(record, Bad):
            yield record
            continue
        objects += 1
        if missing:
            found.update(dict.fromkeys(record))
            missing = {key: role for key, role in missing.items() if key not in record}
            if objects == PROBE_OBJECTS:
                _refuse_missing(source, missing, found)
        yield Row(position, tuple([None if key is None else record.get(key) for key in keys]))
    _refuse_missing(source, missing if objects else {}, found)


def _key(column: Column | None) -> str | None:
    return None if column is None else "label" if column == AUTO else str(column)


def _named(source: Source) -> dict[str, str]:
    """Return ``{role: key}`` of the keys that must be there."""
    return {role: str(key) for role, key in source.columns.items() if key != AUTO}


def _unwrapped(values: Iterator[Value], source: Source) -> Iterator[Value]:
    """Yield the values; where the file is one object that only holds a list of objects, those."""
    first = next(values, None)
    if first is None:
        return
    second = next(values, None)
    if second is None and isinstance(first[1], dict):
        yield from _inner(first, first[1], source)
        return
    yield first
    if second is not None:
        yield second
    yield from values


def _inner(value: Value, tree: dict[str, Any], source: Source) -> Iterator[Value]:
    named = _named(source).values()
    lists = {key: rows for key, rows in tree.items() if isinstance(rows, list) and rows and isinstance(rows[0], dict)}
    if len(lists) == 1 and not any(key in tree for key in named):
        ((key, rows),) = lists.items()
        note(f"  {source.name}: one JSON object; its rows are taken from the list {key!r}")
        for number, row in enumerate(rows, 1):
            yield number, row if isinstance(row, dict) else Bad(number, "not a JSON object", str(row))
        return
    if any(key in tree for key in named) and all(isinstance(tree.get(key), list | dict) for key in named):
        raise UserError(
            f"{source.location}: one JSON object that holds a column per key ({', '.join(list(tree)[:8])}); expected "
            "an object per row, as pandas' to_json(orient='records', lines=True) writes them"
        )
    yield value


def _refuse_missing(source: Source, missing: dict[str, str], found: dict[str, None]) -> None:
    for key, role in missing.items():
        raise UserError(
            f"{source.location}: no key {key!r} (corpus.columns.{role}){nearest(key, found)}; "
            f"keys found: {', '.join(found)}"
        )
