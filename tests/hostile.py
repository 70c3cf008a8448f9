"""Hostile values for fuzz tests, and what must hold of every outcome: a checked value or a short `UserError`."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tmkd.errors import MESSAGE_LENGTH, UserError

TEXTS = [
    "", " ", "\t", "\n", "\0", "x" * 3000, "x" * 100_000, "字" * 300, "é", "\ud800", "\u202e", "a\u0301", "🎉",
    "~nosuchuser/x", "../../etc/passwd", "/dev/null", "s3://key:se/cr@et@bucket/x", "s3://[", "http://host/?token=abc",
    "package:", "package:.x", "null", "~", "true", "no", "007", "0x10", "1e400", "1_000", "1:30", "-1", "nan", ".inf",
    "2024-99-99", "#x", "|", ">", "[", "[a", "{", "{a: 1", "*a", "&a", "!!int x", "!!python/name:os.system", "%YAML 9",
    "'", '"', "a: b: c", "<<", "? x", "(", "(a+)+$", "(" * 500, "[^:]*: (.*)", "(?P<a>", "a" * 300 + "/b",
    "/".join(["d"] * 3000), "auto", "each", "docs", "3", "3.0",
]  # fmt: skip
NUMBERS = [
    0, -1, 1, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**30), 0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf"),
]  # fmt: skip


def value(chance: random.Random, depth: int = 3) -> Any:
    """Return a hostile value: odd text, an odd number, or a list or mapping of such."""
    kind = chance.randrange(8 if depth else 5)
    if kind <= 1:
        return chance.choice(TEXTS)
    if kind <= 3:
        return chance.choice(NUMBERS)
    if kind == 4:
        return chance.choice([None, True, False, [], {}])
    if kind == 5:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind == 6:
        return {str(chance.choice(TEXTS)): value(chance, depth - 1) for _ in range(chance.randrange(4))}
    return nested(chance.choice([5, 60, 150]))


def nested(depth: int) -> Any:
    """Return a list in a list in a list."""
    found: Any = "x"
    for _ in range(depth):
        found = [found]
    return found


def outcome(call: Callable[[], Any]) -> str:
    """Return ``checked`` or ``refused``; any other outcome is the failure of the test."""
    try:
        call()
    except UserError as error:
        assert 0 < len(str(error)) < MESSAGE_LENGTH, str(error)[:300]
        return "refused"
    return "checked"


_writes: list[str] | None = None
_watched = threading.get_ident()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _writes is None or threading.get_ident() != _watched:  # other tests' threads may still be at work
        return
    opened = event == "open" and (
        (isinstance(arguments[1], str) and set(arguments[1]) & set("wxa+"))
        or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    )
    if opened or event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate"):
        _writes.append(f"{event} {str(arguments[0])[:200]}")


sys.addaudithook(_audit)


@contextmanager
def no_writes() -> Iterator[None]:
    """Fail where Python code in the block opens a file to write, or makes, renames or deletes one."""
    global _writes, _watched
    _writes, _watched = [], threading.get_ident()
    try:
        yield
        assert not _writes, _writes[:5]
    finally:
        _writes = None
