"""Filters for what Ray prints on the terminal in spite of its own switches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray._private import worker as ray_worker

from tmkd.console import warn

LEVEL = "RAY_BACKEND_LOG_LEVEL"
MAX_SHOWN = 500
ANNOUNCEMENT = b"Set ray log level from environment variable"


def quiet_reports() -> None:
    """Drop what Ray prints of failed tasks, as their errors reach the caller; show low memory on one line."""

    def show(data: dict[str, Any], **_: Any) -> None:
        for line in data["lines"]:
            if "low on memory" in line:
                warn(line.strip().splitlines()[0][:MAX_SHOWN])

    ray_worker.print_to_stdstream = show


@contextmanager
def without_announcement() -> Iterator[None]:
    """Hold back the line by which Ray's native code announces its log level while the block connects to Ray.

    The level itself stays set: without it the driver's native code prints warnings of its own later.
    """
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            for line in held:
                if ANNOUNCEMENT not in line:
                    os.write(2, line)
