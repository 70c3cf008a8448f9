"""Reading docstrings out of Python source with `ast`: nothing is imported, nothing is run."""

from __future__ import annotations

import ast
import errno
import os
import stat
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tmkd.corpus.docs.text import question_and_passage

MAX_FILE = 16 * 2**20
"""Bytes of a source file; tables of data are larger, documented code is not."""
MAX_DOCSTRING = 100_000
"""Characters of a docstring; longer ones are data, and take the patterns that clean them minutes."""
NO_FILE, TOO_LARGE = "no regular file", f"larger than {MAX_FILE // 2**20} MB"
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class SourceFile(NamedTuple):
    """One ``.py`` file: its top-level package, dotted module name and path."""

    package: str
    module: str
    path: str


class Entry(NamedTuple):
    """A documented symbol as question and passage; ``key`` is unique unless the source defines it twice."""

    package: str
    key: str
    question: str
    passage: str


@dataclass
class Parsed:
    """What a set of files gave."""

    entries: list[Entry] = field(default_factory=list)
    filtered: Counter[str] = field(default_factory=Counter)
    """Docstrings with a summary and a body that were left out, by reason."""
    broken: list[tuple[str, str, str]] = field(default_factory=list)
    """Files that are not valid Python, as (path, reason, message)."""


def parse_file(source: SourceFile, into: Parsed) -> None:
    """Add the usable docstrings of one file to ``into``; an unreadable file is listed, never raised."""
    try:
        text = read_source(source.path)
    except OSError as error:
        into.broken.append((source.path, *_reason(error)))
        return
    try:
        if b'"""' not in text and b"'''" not in text:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's source
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        into.broken.append((source.path, "not valid Python", f"{type(error).__name__}: {error}"))
        return
    for symbol, docstring in _docstrings(tree, source.module):
        whole = len(docstring) <= MAX_DOCSTRING
        texts = (
            question_and_passage(symbol, docstring) if whole else f"docstring of more than {MAX_DOCSTRING:,} characters"
        )
        if isinstance(texts, str):
            into.filtered[texts] += 1
        elif texts is not None:
            key = f"{source.module}:{symbol}"
            into.entries.append(Entry(source.package, key, texts.question, texts.passage))


def read_source(path: str) -> bytes:
    """Return the bytes of a source file.

    Raises:
        OSError: if it cannot be read, is larger than `MAX_FILE`, or no file: a pipe would be waited for without end,
            and a device be read so.
    """
    found = Path(path).stat()
    if stat.S_ISDIR(found.st_mode):
        os.scandir(path).close()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, NO_FILE)
    if found.st_size > MAX_FILE:
        raise OSError(errno.EFBIG, TOO_LARGE)
    return Path(path).read_bytes()


def _reason(error: OSError) -> tuple[str, str]:
    """Return the (reason, message) of a file that is not read."""
    if error.strerror in (NO_FILE, TOO_LARGE):
        return str(error.strerror), ""
    return "cannot be read", f"{type(error).__name__}: {error}"


def _docstrings(tree: ast.Module, module: str) -> Iterator[tuple[str, str]]:
    """Yield (symbol, docstring) of the module, its classes, functions and methods, outermost first."""
    waiting: list[tuple[str, Documented]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop(0)
        docstring = ast.get_docstring(node, clean=False)
        if docstring:
            yield prefix or module.rsplit(".", 1)[-1], docstring
        if isinstance(node, ast.Module | ast.ClassDef):
            for child in node.body:
                if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not _is_test(
                    child.name
                ):
                    waiting.append((f"{prefix}.{child.name}".lstrip("."), child))


def _is_test(name: str) -> bool:
    return name.lower().startswith(("test_", "_test")) or (name.startswith("Test") and name[4:5].isupper())
