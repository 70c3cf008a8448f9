"""Ctrl-C while Tune runs: raised between its steps. Amid one, Ray may swallow it, or MLflow's database stay locked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_seen = threading.Event()  # of the process: Tune pickles its callbacks


@contextmanager
def heeded() -> Iterator[None]:
    """Note a Ctrl-C within the block for `raise_if_seen`, which is called at the end too; a second one acts at once."""
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
    if _seen.is_set():
        raise KeyboardInterrupt
    _seen.set()
