"""JSON values of a file, one at a time: objects one per line, objects that go over lines, or one array of objects."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from tmkd.corpus.files.lines import lines_of
from tmkd.corpus.files.records import Bad
from tmkd.corpus.files.streams import TextFile
from tmkd.errors import UserError

Shape = Literal["lines", "array", "documents"]
Value = tuple[int, dict[str, Any] | Bad]

HEAD_BYTES = 1 << 16
PROBE_BYTES = 1 << 23
CHUNK_BYTES = 1 << 20
PROBE_LINES = 100
END_MARGIN = 64
"""Characters before the end of what was read in which an error may only mean that a value goes on."""
NOT_JSON, NOT_AN_OBJECT = "not valid JSON", "not a JSON object"
BLANK = re.compile(r"[\s\ufeff]*")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RepeatedKeyError
    return found


class RepeatedKeyError(ValueError):
    """An object has a key twice; which value counts is not known."""


DECODER = json.JSONDecoder(object_pairs_hook=_object)
REPEATED_KEY = "JSON object with a key that is there twice"


def shape_of(file: TextFile) -> Shape:
    """Return how the values of a file follow each other, from its first bytes (read from ``file``)."""
    head = file.bytes.read(HEAD_BYTES)
    if b"\n" not in head.lstrip() or not _is_object(_text(head, file.encoding).split("\n")[0]):
        head += file.bytes.read(PROBE_BYTES)
    text = _text(head, file.encoding)
    lines = [line for line in text.split("\n", PROBE_LINES + 1)[:PROBE_LINES] if line.strip()]
    if text.startswith("["):
        others = lines[1:2]
        return "lines" if others and _is_whole(lines[0]) and others[0].lstrip().startswith(("[", "{")) else "array"
    if not text.startswith("{") or _is_object(lines[0]):
        return "lines"
    if _is_whole(text, anything_after=True):
        return "documents"
    return "lines" if len(head) < PROBE_BYTES or any(map(_is_object, lines)) else "documents"


def json_lines(file: TextFile) -> Iterator[Value]:
    """Yield (line number from 1, object) of every line; `Bad` where it holds none."""
    for position, line in lines_of(file):
        yield position, line if isinstance(line, Bad) else _parsed(position, line)


def json_documents(file: TextFile, location: str, is_array: bool) -> Iterator[Value]:
    """Yield (number from 1, object) of every value of an array, or of values that follow each other.

    One value at a time is in memory, whatever the size of the file.

    Raises:
        UserError: naming the line where the file is no JSON; values cannot be found again after it.
    """
    window = _Window(file, location)
    if is_array:
        window.expect("[")
    position = 0
    while not window.is_at_end(closing="]" if is_array else ""):
        if is_array and position:
            window.expect(",")
        position += 1
        yield position, _checked(position, window.value())


def _checked(position: int, value: Any) -> dict[str, Any] | Bad:
    if isinstance(value, RepeatedKeyError):
        return Bad(position, REPEATED_KEY, "")
    return value if isinstance(value, dict) else Bad(position, NOT_AN_OBJECT, json.dumps(value)[:2000])


def _parsed(position: int, line: str) -> dict[str, Any] | Bad:
    try:
        value = DECODER.decode(line)
    except RepeatedKeyError:
        return Bad(position, REPEATED_KEY, line)
    except (ValueError, RecursionError):
        return Bad(position, NOT_JSON, line)
    return value if isinstance(value, dict) else Bad(position, NOT_AN_OBJECT, line)


class _Window:
    """The part of a file that is being decoded."""

    def __init__(self, file: TextFile, location: str) -> None:
        self._file = file.bytes
        # Undecodable bytes become halves of surrogate pairs: the row that holds them is rejected, not the file.
        self._decode = codecs.getincrementaldecoder(file.encoding)("surrogateescape").decode
        self._location = location
        self._text, self._place, self._lines = "", 0, 1

    def expect(self, character: str) -> None:
        """Pass over one character (and blanks before it). Raises `UserError` if another one is there."""
        self._skip_blanks()
        if not self._text.startswith(character, self._place):
            found = self._text[self._place : self._place + 20] or "the end of the file"
            raise self._error(f"expected {character!r}, found {found!r}")
        self._place += 1

    def is_at_end(self, closing: str) -> bool:
        """Return whether no value is left; raise `UserError` if anything follows the closing character."""
        self._skip_blanks()
        if not closing or not self._text.startswith(closing, self._place):
            return not closing and self._place == len(self._text)
        self._place += 1
        self._skip_blanks()
        if self._place < len(self._text):
            raise self._error("something follows the end of the array")
        return True

    def value(self) -> Any:
        """Return the next value; a `RepeatedKeyError` in place of one that has a key twice."""
        self._skip_blanks()
        size = CHUNK_BYTES
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._place)
            except RepeatedKeyError as error:
                value, end = error, self._end_of_value()
            except (ValueError, RecursionError) as error:
                if self._may_go_on(error) and self._read(size):
                    size *= 2
                    continue
                raise self._error(str(error)) from None
            if end < len(self._text) or not self._read(size):  # a number might go on
                self._place = end
                return value

    def _end_of_value(self) -> int:
        return json.JSONDecoder().raw_decode(self._text, self._place)[1]

    def _may_go_on(self, error: Exception) -> bool:
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated string") or error.pos > len(self._text) - END_MARGIN

    def _skip_blanks(self) -> None:
        while True:
            found = BLANK.match(self._text, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._text) or not self._read(CHUNK_BYTES):
                return

    def _read(self, size: int) -> bool:
        """Read on, forgetting what was passed over; return whether there was anything."""
        raw = self._file.read(size)
        self._lines += self._text.count("\n", 0, self._place)
        self._text = self._text[self._place :] + self._decode(raw, final=not raw)
        self._place = 0
        return bool(raw)

    def _error(self, cause: str) -> UserError:
        line = self._lines + self._text.count("\n", 0, self._place)
        cause = cause.split(": line")[0]
        return UserError(
            f"{self._location}: not valid JSON from line {line} on ({cause}); was the file cut? Expected JSON "
            "lines, or one array of objects"
        )


def _text(head: bytes, encoding: str) -> str:
    return head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")


def _is_object(line: str) -> bool:
    return line.lstrip().startswith("{") and _is_whole(line)


def _is_whole(text: str, anything_after: bool = False) -> bool:
    try:
        _, end = json.JSONDecoder().raw_decode(text.strip())
    except (ValueError, RecursionError):
        return False
    return anything_after or end == len(text.strip())
