"""Measuring in one Ray task that has the best device there is to itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import psutil
import ray

from tmkd.cluster import cluster_size, watch_progress
from tmkd.cluster_errors import users_mistake
from tmkd.console import warn
from tmkd.errors import UserError
from tmkd.placement import Placement
from tmkd.runtimes.failures import DeviceError, device_error

Found = TypeVar("Found")
PROGRESS = "evaluation"
QUIET = 0.15
"""Share of a machine's cores that may be busy with other work while something is timed; Ray itself takes some."""
DEVICE_RETRIES = 2
LOOKS = 10
"""Half seconds to wait for quiet: what trained just before may still be going."""


def run_alone(
    work: Callable[[Any, int], Found],
    task: Any,
    label: str,
    models: int,
    placement: Placement,
    timed: bool = True,
) -> Found:
    """Run ``work(task, threads)`` in a Ray task and return what it finds.

    Warns if other work kept the machine busy before something was timed: then the figures tell of that, too.

    Args:
        work: posts how many models it has done under `PROGRESS`.
        task: what it is given.
        label: of the progress bar.
        models: how many there are.
        placement: of the training, whose nodes it runs on.
        timed: whether it takes times.

    Raises:
        UserError: if a model cannot be used, or the device fails again and again.
    """
    gpus = 1 if placement.in_reach("training").get("GPU") else 0
    again: dict[str, Any] = {"max_retries": DEVICE_RETRIES, "retry_exceptions": [DeviceError]}
    remote: Any = ray.remote(num_cpus=1, num_gpus=gpus, **again, **placement.options("training"))(_run)
    threads = int(cluster_size()[0]) if len(ray.nodes()) == 1 else 1
    with watch_progress(PROGRESS, label, models, "models"):
        try:
            found, busy = ray.get(remote.remote(work, task, threads, timed))
        except ray.exceptions.RayTaskError as error:
            raise users_mistake(error) or _of_device(error, label) or error from None
    if busy > QUIET:
        warn(f"{label}: {busy:.0%} of the machine's cores were busy with other work; it is in these speeds")
    return found  # type: ignore[no-any-return]


def _of_device(error: Exception, label: str) -> UserError | None:
    broken = device_error(error)
    if broken is None:
        return None
    return UserError(
        f"{label}: the device failed {DEVICE_RETRIES + 1} times, each time in a fresh process ({broken}); look after "
        "it (nvidia-smi, dmesg), then run this again"
    )


def _run(work: Callable[[Any, int], Found], task: Any, threads: int, timed: bool) -> tuple[Found, float]:
    busy = _wait_for_quiet() if timed else 0.0
    return work(task, threads), busy


def _wait_for_quiet() -> float:
    """Return the share of this machine's cores that is busy as soon as it is small, or after `LOOKS`."""
    busy = 1.0
    for _ in range(LOOKS):
        busy = psutil.cpu_percent(interval=0.5) / 100
        if busy <= QUIET:
            break
    return busy
