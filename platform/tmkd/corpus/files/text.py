"""Text files: bytes to lines, TSV and CSV to rows, JSON lines to rows. Streamed; .gz is opened transparently."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from tmkd.corpus.config import AUTO, CorpusConfig
from tmkd.corpus.files.records import INVALID_ENCODING, ROLES, WRONG_FIELD_COUNT, Bad, Record, Row, places
from tmkd.corpus.files.sources import Source
from tmkd.errors import UserError, nearest

BOM = b"\xef\xbb\xbf"
PROBE_OBJECTS = 100
NOT_CSV = "not readable as quoted CSV"
csv.field_size_limit(1 << 27)

Line = tuple[int, str | Bad]


def read_delimited(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield the rows of a TSV or CSV file; positions are line numbers from 1.

    Raises:
        UserError: if the file is unreadable or empty, or a named column is missing.
    """
    delimiter = config.delimiter or ("," if source.format == "csv" else "\t")
    quoting = source.format == "csv" if config.quoting == "auto" else config.quoting
    with open_text(source.location) as file:
        lines = _lines(file, config.encoding, with_blank=quoting)
        rows = _split_quoted(lines, delimiter) if quoting else _split_plain(lines, delimiter)
        wanted: tuple[int | None, ...] | None = None
        count = 0
        for position, fields in rows:
            if isinstance(fields, Bad) and wanted is None and config.header:
                raise UserError(
                    f"{source.location}: its first line, which names the columns, is {fields.reason} "
                    f"({fields.content[:80]!r}); see corpus.encoding{', corpus.quoting' if quoting else ''}"
                )
            if isinstance(fields, Bad):
                yield fields
            elif wanted is None:
                count = len(fields)
                names = fields if config.header else [f"{place} ({text[:20]!r})" for place, text in enumerate(fields)]
                hint = f" (delimiter {delimiter!r}; see corpus.delimiter, corpus.header)" if count == 1 else ""
                wanted = places(names, source.columns, source.location, hint)
                if not config.header:
                    yield Row(position, _pick(fields, wanted))
            elif len(fields) != count:
                yield Bad(position, WRONG_FIELD_COUNT, delimiter.join(fields))
            else:
                yield Row(position, _pick(fields, wanted))


def read_json_lines(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield the rows of a file of JSON objects, one a line; a key that an object lacks is null.

    Raises:
        UserError: if the file is unreadable or empty, or none of the first 100 objects has a named key.
    """
    if any(isinstance(key, int) for key in source.columns.values()):
        raise UserError(f"{source.location}: JSON lines have no positions; give key names in corpus.columns")
    missing = {str(key): role for role, key in source.columns.items() if key != AUTO}
    named = {role: role if key == AUTO else str(key) for role, key in source.columns.items()}
    keys = [named.get(role) for role in ROLES]
    found: dict[str, None] = {}
    objects = 0
    with open_text(source.location) as file:
        for position, line in _lines(file, config.encoding):
            record = line if isinstance(line, Bad) else _json_object(position, line)
            if isinstance(record, Bad):
                yield record
                continue
            objects += 1
            if missing:
                found.update(dict.fromkeys(record))
                missing = {key: role for key, role in missing.items() if key not in record}
                if objects == PROBE_OBJECTS:
                    _refuse_missing(source, missing, found)
            yield Row(position, tuple(None if key is None else record.get(key) for key in keys))
    _refuse_missing(source, missing if objects else {}, found)


@contextmanager
def open_text(location: str) -> Iterator[IO[bytes]]:
    """Open a text file; turn what goes wrong while it is read into a `UserError`."""
    path = Path(location)
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{location}: the file is empty; expected rows of text")
        with path.open("rb") as file:
            if path.suffix.lower() == ".gz":
                with gzip.open(file, "rb") as unpacked:
                    yield cast(IO[bytes], unpacked)
            else:
                yield file
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{location}: cannot be read to its end: {error}") from None


def _lines(file: IO[bytes], encoding: str, with_blank: bool = False) -> Iterator[Line]:
    """Yield (line number from 1, decoded line without its end); blank lines are passed over unless asked for."""
    for number, raw in enumerate(file, 1):
        raw = raw.removeprefix(BOM) if number == 1 else raw
        raw = raw.rstrip(b"\r\n")
        if not raw and not with_blank:
            continue
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError:
            reason = INVALID_ENCODING.format(encoding=encoding.upper())
            yield number, Bad(number, reason, raw.decode(encoding, "replace"))


def _split_plain(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[int, list[str] | Bad]]:
    for number, line in lines:
        yield number, line if isinstance(line, Bad) else line.split(delimiter)


class _Feed:
    """Gives lines to the CSV reader, and knows which of them went into the record that it is at."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self.begin()

    def begin(self) -> None:
        """Start on a record: no line of it was given yet."""
        self.first = self.last = 0
        self.spoilt = ""  # why one of its lines is bad
        self.is_unfinished = False

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            self.first, self.last = self.first or number, number
            if isinstance(line, Bad):
                self.spoilt = self.spoilt or line.reason
                # Its text goes in with marks for the bad bytes, so that quotes stay paired.
                yield line.content + "\n"
            else:
                yield line + "\n"
        # Inside quotes only does the reader ask for one more line before it gives a record.
        self.is_unfinished = self.first > 0


def _split_quoted(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[int, list[str] | Bad]]:
    """Split lines where a quoted field may hold delimiters and line ends, blank lines too."""
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield feed.first, Bad(feed.first, NOT_CSV, f"lines {feed.first} to {feed.last}: {error}")
            continue
        if not fields:  # a blank line outside quotes
            continue
        reason = _never_closed(fields, feed.last) if feed.is_unfinished else feed.spoilt
        yield feed.first, Bad(feed.first, reason, delimiter.join(fields)) if reason else fields


def _never_closed(fields: list[str], last: int) -> str:
    """Return why a record is none that was still open at the end of the file, after line number ``last``.

    The csv module gives it as if it were whole; nobody would miss the rows that the open field has taken in.
    """
    taken = fields[-1].count("\n") - 1
    rest = f", and the {taken:,} line{'s' if taken > 1 else ''} after it, up to the end, went into it" if taken else ""
    return f"unfinished: the quote that opened in line {last - taken} is never closed{rest}"


def _pick(fields: list[str], wanted: tuple[int | None, ...]) -> tuple[str | None, ...]:
    return tuple([None if place is None else fields[place] for place in wanted])


def _json_object(position: int, line: str) -> dict[str, Any] | Bad:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Bad(position, "not valid JSON", line)
    return value if isinstance(value, dict) else Bad(position, "not a JSON object", line)


def _refuse_missing(source: Source, missing: dict[str, str], found: dict[str, None]) -> None:
    for key, role in missing.items():
        raise UserError(
            f"{source.location}: no key {key!r} (corpus.columns.{role}){nearest(key, found)}; "
            f"keys found: {', '.join(found)}"
        )
