"""SIGKILL at random over a labelling driver and its workers, until the labels are there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil

PAUSE_S = (0.2, 1.5)
RAYLET_SHARE = 0.15


def storm(driver: list[str], environment: dict[str, str], kills: int, seed: int, driver_share: float) -> Counter[str]:
    """Start ``driver`` again and again and kill it or one of its Ray workers at random, then let it finish.

    Args:
        driver: command that labels; it must come to an end once all labels are there.
        environment: of the driver.
        kills: so many; fewer only if the labels are finished before.
        seed: of what is killed and when.
        driver_share: part of the kills that hit the driver; the first does in any case, the second an actor.

    Returns:
        How often each kind of process was killed.
    """
    rng = random.Random(seed)
    killed: Counter[str] = Counter()
    process = subprocess.Popen(driver, env=environment)
    while killed.total() < kills:
        time.sleep(rng.uniform(*PAUSE_S))
        if process.poll() == 0:
            break
        if process.poll() is not None:
            process = subprocess.Popen(driver, env=environment)
            continue
        kind, pid = _victim(process.pid, rng, driver_share, killed)
        if pid is None:
            continue
        try:
            os.kill(pid, signal.SIGKILL)
            killed[kind] += 1
        except ProcessLookupError:
            continue
    if process.wait() != 0:
        subprocess.run(driver, env=environment, check=True)
    return killed


def _victim(driver: int, rng: random.Random, driver_share: float, killed: Counter[str]) -> tuple[str, int | None]:
    """Return what to kill now: at random, but once the driver and once an actor before all else."""
    workers = _workers(driver)
    if workers and not killed["driver"]:
        return "driver", driver
    actors = [pid for pid, title in workers if "MapWorker" in title]
    if not killed["actor"]:
        return "actor", actors[0] if actors else None
    raylet = _raylet(driver)
    if raylet is not None and workers and rng.random() < RAYLET_SHARE:
        return "raylet", raylet
    if rng.random() < driver_share and workers:  # a driver that has not begun yet would be killed for ever
        return "driver", driver
    if not workers:
        return "", None
    pid, name = rng.choice(workers)
    return "actor" if "MapWorker" in name else "task", pid


def _raylet(parent: int) -> int | None:
    """Return the pid of the raylet that a process has started, if it did."""
    try:
        children = psutil.Process(parent).children()
        return next((child.pid for child in children if child.name() == "raylet"), None)
    except psutil.Error:
        return None


def _workers(driver: int) -> list[tuple[int, str]]:
    """Return pid and title of the processes that read, score or publish shards on this driver's or our own Ray."""
    found, raylets = [], {_raylet(driver), _raylet(os.getpid())}
    for process in psutil.process_iter(["cmdline", "ppid"]):
        title = " ".join(process.info["cmdline"] or [])
        if process.info["ppid"] not in raylets:
            continue
        if title.startswith("ray::") and ("MapWorker(Map(Score))" in title or "Map(read_tokenise)" in title or
                                          "Map(publish)" in title):  # fmt: skip
            found.append((process.pid, title))
    return found


def driver_command(workspace: Path, model: Path, shards: int, rows: int) -> list[str]:
    """Return a command that labels a tiny corpus in ``workspace`` with the model in ``model``."""
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}
from pathlib import Path
import label_bench
label_bench.SHARDS = {{"train": {shards}}}
label_bench.ROWS = {rows}
bench = label_bench.make_bench(Path({str(workspace)!r}), Path({str(model)!r}))
bench.label(splits=("train",), resources={{"actors": 2}})
"""
    return [sys.executable, "-c", code]
