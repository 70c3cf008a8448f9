"""SIGTERM and SIGHUP end a job as Ctrl-C does: what is open is closed, and the same command goes on from there."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tmkd.errors import Terminated

HEEDED = (signal.SIGTERM, signal.SIGHUP)
PATIENCE_S = 5.0
"""Seconds in which a second signal is taken for a repetition of the first, as supervisors send them."""
_last = [-PATIENCE_S]


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Raise `Terminated` in the block when the process is asked to end; the handlers from before come back after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in HEEDED}
    heed_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def heed_signals() -> None:
    """Put the handlers in place, again where a library (Ray, when it starts) has put its own there."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in HEEDED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _end)


def _end(number: int, frame: Any) -> None:
    now = time.monotonic()
    if now - _last[0] < PATIENCE_S:
        return
    _last[0] = now
    raise Terminated(number)
