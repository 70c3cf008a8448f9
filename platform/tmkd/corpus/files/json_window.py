"""Window on a JSON document that moves over its values, one at a time."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from tmkd.corpus.files.streams import TextFile
from tmkd.errors import UserError

CHUNK_BYTES = 1 << 20
END_MARGIN = 64
"""Characters before the end of what was read in which an error may only mean that a value goes on."""
BLANK = re.compile(r"[\s\ufeff]*")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RepeatedKeyError
    return found


class RepeatedKeyError(ValueError):
    """An object has a key twice; which value counts is not known."""


DECODER = json.JSONDecoder(object_pairs_hook=_object)


class JsonWindow:
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
