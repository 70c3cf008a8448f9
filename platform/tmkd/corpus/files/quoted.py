"""Rows of quoted CSV, where a field may hold delimiters and line ends; a stray quote costs its row, not characters."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Literal

from tmkd.corpus.files.lines import Line
from tmkd.corpus.files.records import Bad

Escape = Literal["quote", "backslash"]
Fields = tuple[int, list[str] | Bad]

NOT_CSV = "not readable as quoted CSV"
STRAY_QUOTE = "stray quote: the text after it would lose characters (see corpus.escape, corpus.quoting)"
PROBE_LINES = 20_000
MAX_REFED_LINES = 1000
QUOTED_BY_BACKSLASH = re.compile(r'(\\+)"')
HIDDEN_QUOTE = "\udc22"
"""Stands for an escaped quote while a line is split: half a surrogate pair, which no decoded text has."""
csv.field_size_limit(1 << 27)


def split_quoted(lines: Iterator[Line], delimiter: str, escape: Escape) -> Iterator[Fields]:
    r"""Yield (number of the first line, fields) of every record; `Bad` where it is none.

    Args:
        lines: of the file, blank ones too.
        delimiter: between fields.
        escape: what stands before a quote inside of quotes: another quote (RFC 4180), or a backslash (Spark, MySQL),
            where ``\"`` is a quote, ``\\"`` a backslash at the end of a field, and other backslashes are themselves.
    """
    feed = _Feed(lines, escape)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    is_recovering = False  # after a stray quote: a line with half a pair of quotes is the rest of a broken record
    while True:
        feed.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            is_recovering = True
            yield feed.first, feed.broken(error, delimiter)
            continue
        if not fields:  # a blank line outside quotes
            continue
        if is_recovering and feed.has_half_a_pair:
            yield feed.first, Bad(feed.first, STRAY_QUOTE, feed.text)
            continue
        is_recovering = False
        fields = [field.replace(HIDDEN_QUOTE, '"') for field in fields] if feed.hides_quotes else fields
        yield feed.first, Bad(feed.first, feed.spoilt, delimiter.join(fields)) if feed.spoilt else fields


def detect_escape(lines: Iterator[Line], delimiter: str) -> Escape:
    """Return how quotes are escaped: by a backslash only if the first lines are whole that way and no other way."""
    probe = list(islice(lines, PROBE_LINES))
    if not any('\\"' in (line.content if isinstance(line, Bad) else line) for _, line in probe):
        return "quote"
    is_cut = len(probe) == PROBE_LINES
    by_backslash = _faults(split_quoted(iter(probe), delimiter, "backslash"), is_cut)
    return (
        "backslash" if not by_backslash and _faults(split_quoted(iter(probe), delimiter, "quote"), is_cut) else "quote"
    )


def _faults(rows: Iterator[Fields], is_cut: bool) -> int:
    found = [fields for _, fields in rows]
    if is_cut:  # the last record may go on beyond the probe
        found = found[:-1]
    counts = {len(fields) for fields in found if not isinstance(fields, Bad)}
    return sum(isinstance(fields, Bad) for fields in found) + max(0, len(counts) - 1)


class _Feed:
    """Lines for the CSV reader, and those of them that went into the record that it is at."""

    def __init__(self, lines: Iterator[Line], escape: Escape) -> None:
        self._source = lines
        self._again: deque[Line] = deque()
        self._unhide = escape == "backslash"
        self.begin()

    def begin(self) -> None:
        """Start on a record: no line of it was given yet."""
        self._lines: list[Line] = []
        self._given: list[str] = []
        self.spoilt = ""  # why one of its lines is bad
        self.is_unfinished = False

    @property
    def first(self) -> int:
        return self._lines[0][0] if self._lines else 0

    @property
    def text(self) -> str:
        return "\n".join(line.content if isinstance(line, Bad) else line for _, line in self._lines)

    @property
    def has_half_a_pair(self) -> bool:
        return sum(line.count('"') for line in self._given) % 2 == 1

    @property
    def hides_quotes(self) -> bool:
        return self._unhide

    def __iter__(self) -> Iterator[str]:
        while (found := self._next()) is not None:
            self._lines.append(found)
            line = found[1]
            if isinstance(line, Bad):
                self.spoilt = self.spoilt or line.reason
                line = line.content  # with marks for the bad bytes, so that quotes stay paired
            self._given.append((_hidden(line) if self._unhide else line) + "\n")
            yield self._given[-1]
        # Inside quotes only does the reader ask for one more line before it gives a record.
        self.is_unfinished = bool(self._lines)

    def broken(self, error: csv.Error, delimiter: str) -> Bad:
        """Return the record that the reader gave up; its later lines are read again, as records of their own."""
        first = self.first
        if self.is_unfinished:
            fields = next(csv.reader(iter(self._given), delimiter=delimiter))
            fields = [field.replace(HIDDEN_QUOTE, '"') for field in fields]
            return Bad(first, _never_closed(fields, self._lines[-1][0]), delimiter.join(fields))
        if "expected after" not in str(error):
            return Bad(first, NOT_CSV, f"lines {first} to {self._lines[-1][0]}: {error}")
        if len(self._lines) <= MAX_REFED_LINES:
            self._again.extendleft(reversed(self._lines[1:]))
            self._lines = self._lines[:1]
        return Bad(first, STRAY_QUOTE, self.text)

    def _next(self) -> Line | None:
        return self._again.popleft() if self._again else next(self._source, None)


def _hidden(line: str) -> str:
    """Return a line whose escaped quotes are hidden, and without the backslashes that escape."""
    return QUOTED_BY_BACKSLASH.sub(
        lambda found: "\\" * (len(found[1]) // 2) + (HIDDEN_QUOTE if len(found[1]) % 2 else '"'), line
    )


def _never_closed(fields: list[str], last: int) -> str:
    """Return why a record is none that was still open at the end of the file, after line number ``last``.

    Nobody would miss the rows that the open field has taken in.
    """
    taken = fields[-1].count("\n") - 1
    rest = f", and the {taken:,} line{'s' if taken > 1 else ''} after it, up to the end, went into it" if taken else ""
    return f"unfinished: the quote that opened in line {last - taken} is never closed{rest}"
