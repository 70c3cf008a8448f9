"""Count of the attempts at every shard: one that ends its actors again and again must not be tried without end.

Ray restarts an actor that has died and gives it the same shard. That is right for a machine that was taken away or a
device that broke, and endless for a shard that breaks it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

MAX_DEVICE_ERRORS = 3
"""Fresh actors whose device may break on one shard."""
MAX_STARTS = 20
"""Actors that may die with one shard for reasons of their own (machines taken away, a full host, a crash)."""
LOADING = "loading the model"


class _Counts:
    """Counters in a Ray actor of the driver's node, which outlive the actors that they are about."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, event: str, work: str) -> int:
        self._counts[event, work] += 1
        return self._counts[event, work]


@contextmanager
def count_attempts(run: str) -> Iterator[None]:
    """Keep the counter of a run while the block runs; it ends with the last reference to it."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    counts = ray.remote(num_cpus=0)(_Counts).options(name=_name(run), scheduling_strategy=here).remote()
    yield
    del counts


class Attempts:
    """An actor's access to the counter of its run.

    Args:
        run: name of the run, as for `count_attempts`.
    """

    def __init__(self, run: str) -> None:
        self._counts: Any = ray.get_actor(_name(run))

    def refusal(self, work: str) -> str | None:
        """Count the start of ``work``, a shard; return a message once too many actors have died with it."""
        starts = self._add("start", work)
        if starts <= MAX_STARTS:
            return None
        return (
            f"{starts - 1} actors have died with {work}, one after the other, without an error (is the host's memory "
            "full? dmesg tells); take fewer actors per node or a smaller batch_tokens, then run this again"
        )

    def after_device_error(self, work: str, reason: str) -> str:
        """End this process, so that Ray goes on with ``work`` in a fresh one, or return a message after too many.

        Args:
            work: what was being done, a shard or `LOADING`.
            reason: the device's error.
        """
        errors = self._add("device error", work)
        if errors < MAX_DEVICE_ERRORS:
            os._exit(1)  # no clean-up: whatever asks the device for anything fails or hangs
        return (
            f"the device failed {errors} times with {work}, each time in a fresh actor ({reason}); nothing of it is "
            "labelled. Look after the device (nvidia-smi, dmesg) or the model (device: cpu shows its own error), then "
            "run this again"
        )

    def _add(self, event: str, work: str) -> int:
        return int(ray.get(self._counts.add.remote(event, work)))


def _name(run: str) -> str:
    return f"{run}-attempts"
