"""Parsing many files on all cores: Ray tasks on the driver's own node, whose packages are the ones meant."""

from __future__ import annotations

import gc
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tmkd.cluster import connect, usable_cores
from tmkd.console import progress_bar
from tmkd.corpus.docs.parse import Parsed, SourceFile, parse_file

CHUNK_FILES = 200
FEW_FILES = 1000


def harvest(sources: list[SourceFile]) -> Parsed:
    """Read the docstrings of all sources; the result is in the order of ``sources``, whoever finishes first."""
    chunks = [sources[start : start + CHUNK_FILES] for start in range(0, len(sources), CHUNK_FILES)]
    with progress_bar("reading docstrings", len(sources), "files") as bar:
        if len(sources) <= FEW_FILES:  # not worth starting processes for
            parts = []
            for chunk in chunks:
                parts.append(parse_chunk(chunk))
                bar.advance(len(chunk))
        else:
            parts = _in_parallel(chunks, bar)
    return _joined(parts)


def parse_chunk(sources: list[SourceFile]) -> Parsed:
    """Parse some files one after the other."""
    parsed = Parsed()
    was_enabled = gc.isenabled()
    gc.disable()  # syntax trees are many objects without cycles; collecting them costs a third of the time
    try:
        for source in sources:
            parse_file(source, parsed)
    finally:
        if was_enabled:
            gc.enable()
    return parsed


def _in_parallel(chunks: list[list[SourceFile]], bar: Any) -> list[Parsed]:
    connect()
    # No CPU is asked for: a head node may offer none, and waiting for another node would read *its* packages.
    # So the number of tasks under way is bounded here.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    task = ray.remote(num_cpus=0)(parse_chunk).options(scheduling_strategy=here)
    done: dict[int, Parsed] = {}
    running: dict[Any, int] = {}
    waiting = list(enumerate(chunks))[::-1]
    while waiting or running:
        while waiting and len(running) < usable_cores():
            index, chunk = waiting.pop()
            running[task.remote(chunk)] = index
        ready, _ = ray.wait(list(running), num_returns=1)
        index = running.pop(ready[0])
        done[index] = ray.get(ready[0])
        bar.advance(len(chunks[index]))
    return [done[index] for index in range(len(chunks))]


def _joined(parts: list[Parsed]) -> Parsed:
    whole = Parsed()
    for part in parts:
        whole.entries.extend(part.entries)
        whole.filtered.update(part.filtered)
        whole.broken.extend(part.broken)
    return whole
