"""What Ray writes to the terminal past its own switches, kept away from it where nobody has asked for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray._private import worker as ray_worker

from tmkd.console import warn

LEVEL = "RAY_BACKEND_LOG_LEVEL"
MAX_SHOWN = 500


def quiet_reports() -> None:
    """Drop what Ray prints of failed tasks, as whoever waits for them is told; want of memory is shown on a line."""

    def show(data: dict[str, Any], **_: Any) -> None:
        for line in data["lines"]:
            if "low on memory" in line:
                warn(line.strip().splitlines()[0][:MAX_SHOWN])

    ray_worker.print_to_stdstream = show


@contextmanager
def level_of_processes_only() -> Iterator[None]:
    """Keep the log level of Ray's processes out of the driver, whose native code would announce it on the terminal."""
    connect = ray_worker.connect  # called once Ray's processes have started, with the environment that they were given

    def without_level(*args: Any, **named: Any) -> Any:
        level = os.environ.pop(LEVEL, None)
        try:
            return connect(*args, **named)
        finally:
            if level is not None:
                os.environ[LEVEL] = level

    ray_worker.connect = without_level
    try:
        yield
    finally:
        ray_worker.connect = connect
