"""JSON values of a file, one at a time: objects one per line, objects that go over lines, or one array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

from tmkd.corpus.files.json_window import DECODER, JsonWindow, RepeatedKeyError
from tmkd.corpus.files.lines import lines_of
from tmkd.corpus.files.records import Bad
from tmkd.corpus.files.streams import TextFile

Shape = Literal["lines", "array", "documents"]
Value = tuple[int, dict[str, Any] | Bad]

HEAD_BYTES = 1 << 16
PROBE_BYTES = 1 << 23
PROBE_LINES = 100
NOT_JSON, NOT_AN_OBJECT = "not valid JSON", "not a JSON object"
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
    window = JsonWindow(file, location)
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
