"""TSV and CSV files to rows, streamed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tmkd.console import note, warn
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.lines import Line, lines_of
from tmkd.corpus.files.quoted import Escape, Fields, detect_escape, split_quoted
from tmkd.corpus.files.records import WRONG_FIELD_COUNT, Bad, Record, Row, places, refuse_repeated
from tmkd.corpus.files.sources import Source
from tmkd.corpus.files.streams import open_text
from tmkd.errors import UserError

QUOTED_FIELD = re.compile(r'"(?:[^"]|"")*""(?:[^"]|"")*"')
"""A field as programs write it that quote: in quotes, every quote in it doubled, and at least one."""


def read_delimited(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield the rows of a TSV or CSV file; positions are line numbers from 1.

    Raises:
        UserError: if the file is unreadable or empty, or a named column is missing or there twice.
    """
    delimiter = config.delimiter or ("," if source.format == "csv" else "\t")
    quoting = source.format == "csv" if config.quoting == "auto" else config.quoting
    escape = _escape(source, config, delimiter) if quoting else "quote"
    with open_text(source.location, config.encoding) as file:
        lines = lines_of(file, with_blank=quoting)
        rows = split_quoted(lines, delimiter, escape) if quoting else _split_plain(lines, delimiter, source, config)
        yield from _rows(rows, source, config, delimiter, quoting)


def _escape(source: Source, config: CorpusConfig, delimiter: str) -> Escape:
    if config.escape != "auto":
        return config.escape
    with open_text(source.location, config.encoding) as file:
        escape = detect_escape(lines_of(file, with_blank=True), delimiter)
    if escape == "backslash":
        note(f'  {source.name}: quotes are escaped by backslashes (\\"); corpus.escape: quote reads them otherwise')
    return escape


def _rows(
    rows: Iterator[Fields], source: Source, config: CorpusConfig, delimiter: str, quoting: bool
) -> Iterator[Record]:
    wanted: tuple[int | None, ...] | None = None
    count = 0
    for position, fields in rows:
        if isinstance(fields, Bad):
            if wanted is None and config.header:
                raise UserError(
                    f"{source.location}: its first line, which names the columns, is {fields.reason} "
                    f"({fields.content[:80]!r}); see corpus.encoding{', corpus.quoting' if quoting else ''}"
                )
            yield fields
        elif wanted is None:
            count = len(fields)
            wanted = _places(fields, source, config, delimiter)
            if not config.header:
                yield Row(position, _pick(fields, wanted))
        elif len(fields) != count:
            yield Bad(position, WRONG_FIELD_COUNT, delimiter.join(fields))
        else:
            yield Row(position, _pick(fields, wanted))


def _places(fields: list[str], source: Source, config: CorpusConfig, delimiter: str) -> tuple[int | None, ...]:
    """Return the position of each role's column, from the first line of a file."""
    names = fields if config.header else [f"{place} ({text[:20]!r})" for place, text in enumerate(fields)]
    hint = f" (delimiter {delimiter!r}; see corpus.delimiter, corpus.header)" if len(fields) == 1 else ""
    wanted = places(names, source.columns, source.location, hint)
    by_name = {role: column for role, column in source.columns.items() if isinstance(column, str)}
    refuse_repeated(names, wanted, by_name, source.location)
    return wanted


def _split_plain(lines: Iterator[Line], delimiter: str, source: Source, config: CorpusConfig) -> Iterator[Fields]:
    quoted = 0
    for number, line in lines:
        if isinstance(line, Bad):
            yield number, line
            continue
        fields = line.split(delimiter)
        quoted += '""' in line and any(map(QUOTED_FIELD.fullmatch, fields))
        yield number, fields
    if quoted and config.quoting == "auto":
        warn(
            f"{source.name}: {quoted:,} lines have a field in quotes with doubled quotes in it, kept as it stands; "
            "corpus.quoting: true reads it as quoted (false: as it stands, without this warning)"
        )


def _pick(fields: list[str], wanted: tuple[int | None, ...]) -> tuple[str | None, ...]:
    return tuple([None if place is None else fields[place] for place in wanted])
