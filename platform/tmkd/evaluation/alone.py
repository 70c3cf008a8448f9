"""Measuring in one Ray task that has the best device there is to itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import ray

from tmkd.cluster import cluster_size, in_reach, watch_progress

Found = TypeVar("Found")
PROGRESS = "evaluation"


def run_alone(work: Callable[[Any, int], Found], task: Any, label: str, models: int) -> Found:
    """Run ``work(task, threads)`` in a Ray task and return what it finds.

    Args:
        work: posts how many models it has done under `PROGRESS`.
        task: what it is given.
        label: of the progress bar.
        models: how many there are.
    """
    remote: Any = ray.remote(num_cpus=1, num_gpus=1 if in_reach().get("GPU") else 0)(work)
    threads = int(cluster_size()[0]) if len(ray.nodes()) == 1 else 1
    with watch_progress(PROGRESS, label, models, "models"):
        found: Found = ray.get(remote.remote(task, threads))
    return found
