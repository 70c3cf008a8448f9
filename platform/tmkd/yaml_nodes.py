"""YAML 1.2 as nodes: every scalar with the text that was written, within bounds, every fault with its line.

ruamel.yaml scans and composes. What a scalar means is decided in `tmkd.values`, by the field that it is for.
"""

from __future__ import annotations

import codecs
import io
import re
import warnings
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node, ScalarNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
PLAIN = "tmkd:plain"
"""Tag of a scalar without quotes and without a tag of its own: its meaning depends on the field."""
_CODECS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # starts with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNPRINTABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class YamlError(ValueError):
    """YAML that cannot be read; the message names line and column."""


class _Resolver(VersionedResolver):
    """Marks what is plain, in place of guessing its type."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode and implicit[0]:
            return Tag(suffix=PLAIN)
        return super().resolve(kind, None if kind is ScalarNode else value, (False, True))


class _Composer(Composer):
    """Gives up on deep nesting at once: reading on takes time that grows with the depth."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self._depth > MAX_DEPTH:
            raise YamlError(f"line {self.parser.peek_event().start_mark.line + 1}: nested more than {MAX_DEPTH} deep")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def read_text(path: Path) -> str:
    """Return the text of a YAML file: UTF-8, or UTF-16 and UTF-32 where a byte order mark says so.

    Raises:
        OSError: it cannot be read.
        YamlError: it is too large, or is not text, naming the line.
    """
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise YamlError(f"larger than {MAX_BYTES:,} bytes; a recipe is a page of text")
    mark, codec = next(((mark, codec) for mark, codec in _CODECS if data.startswith(mark)), (b"", "utf-8"))
    try:
        return data[len(mark) :].decode(codec)
    except UnicodeDecodeError as error:
        line = data[: len(mark) + error.start].count(b"\n") + 1
        raise YamlError(f"line {line}: not {codec.upper()} ({error.reason}); save the file as UTF-8") from None


def compose(text: str) -> Node | None:
    """Return the root node of a YAML document; None where there is nothing.

    Raises:
        YamlError: it is not valid YAML, naming line and column.
    """
    if found := _UNPRINTABLE.search(text):
        line = text[: found.start()].count("\n") + 1
        raise YamlError(f"line {line}: the character U+{ord(found.group()):04X} has no place in text")
    reader = YAML(typ="safe", pure=True)
    reader.Resolver, reader.Composer = _Resolver, _Composer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor that is set twice
            return reader.compose(text)
    except YamlError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlError(f"{where}{error.problem or error.context}") from None
    except (YAMLError, ArithmeticError, LookupError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise YamlError(f"{type(error).__name__}: {error}") from None  # faults of the reader's own, as of "\UFFFFFFFF"


def dump(tree: Any) -> str:
    """Return a tree of JSON-able values as YAML in block style, keys in their order."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False  # type: ignore[assignment]
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.width = 10_000
    stream = io.StringIO()
    writer.dump(tree, stream)
    return stream.getvalue()
