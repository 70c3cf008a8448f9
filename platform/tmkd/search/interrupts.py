"""Ctrl-C and SIGTERM while Tune runs: raised between its steps.

Amid one, Ray may swallow them, or MLflow's database stay locked.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tmkd.errors import Terminated

HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_seen: list[int] = []
"""Signals noted in this process: Tune pickles its callbacks."""


@contextmanager
def heeded() -> Iterator[None]:
    """Note a signal within the block for `raise_if_seen`, which is called at the end too; a second one acts at once."""
    _seen.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted = [number for number in HEEDED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _note) for number in noted}
    try:
        yield
        raise_if_seen()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if_seen() -> None:
    """Raise `KeyboardInterrupt`, or `Terminated`, if a signal was noted."""
    if _seen:
        raise _as_exception(_seen[0])


def _note(number: int, frame: Any) -> None:
    if _seen:
        raise _as_exception(_seen[0])
    _seen.append(number)


def _as_exception(number: int) -> KeyboardInterrupt:
    return KeyboardInterrupt() if number == signal.SIGINT else Terminated(number)
