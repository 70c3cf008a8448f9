"""Decoded lines of a text file."""

from __future__ import annotations

from collections.abc import Iterator

from tmkd.corpus.files.records import INVALID_ENCODING, Bad
from tmkd.corpus.files.streams import BOM, TextFile

Line = tuple[int, str | Bad]


def lines_of(file: TextFile, with_blank: bool = False) -> Iterator[Line]:
    """Yield (line number from 1, decoded line without its end); blank lines are passed over unless asked for."""
    encoding = file.encoding
    for number, raw in enumerate(file.bytes, 1):
        raw = raw.removeprefix(BOM) if number == 1 else raw
        raw = raw.rstrip(b"\r\n")
        if not raw and not with_blank:
            continue
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError:
            reason = INVALID_ENCODING.format(encoding=encoding.upper())
            yield number, Bad(number, reason, raw.decode(encoding, "replace"))
