"""Ctrl-C while Tune runs: it may be raised where Ray swallows it, so it is raised again at Tune's next step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_seen = threading.Event()  # of the process: Tune pickles its callbacks


@contextmanager
def heeded() -> Iterator[None]:
    """Note a Ctrl-C within the block, and raise it at the end if nobody did; a second one acts as ever."""
    _seen.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _note)
    try:
        yield
        raise_if_seen()
    finally:
        signal.signal(signal.SIGINT, before)


def raise_if_seen() -> None:
    """Raise `KeyboardInterrupt` if one was noted."""
    if _seen.is_set():
        raise KeyboardInterrupt


def _note(number: int, frame: Any) -> None:
    _seen.set()
    raise KeyboardInterrupt
