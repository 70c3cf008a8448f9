"""How many pairs a second a model scores, and how long it takes for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

Pair = tuple[str, str]
WARM_UP_PAIRS = 64
WARM_UP_CALLS = 5
CHUNKS = 5


def measure_pairs_per_second(
    score: Callable[[Sequence[Pair]], Any], pairs: Sequence[Pair], seconds: float = 3.0
) -> float:
    """Return the median rate of ``score`` over several calls, each on an even sample of ``pairs``.

    A first call, untimed, warms up; a second one tells how many pairs fit a fifth of the time. Then samples of that
    size (every k-th pair, so that each has the corpus's mix of lengths) are timed until the time is spent, at least
    three of them. The median passes over moments when the machine was busy with something else.

    Args:
        score: what a user would call: texts in, scores out, tokenising included.
        pairs: (question, passage); at least one.
        seconds: time to spend after warming up; one slow call may overrun it.
    """
    if not pairs:
        raise ValueError("no pairs to measure the speed on")
    probe = _sample(pairs, max(1, len(pairs) // WARM_UP_PAIRS), 0)
    score(probe)
    size = max(1, int(_rate(score, probe) * seconds / CHUNKS))
    stride = max(1, -(-len(pairs) // size))
    rates: list[float] = []
    end = time.perf_counter() + seconds
    while len(rates) < 3 or time.perf_counter() < end:
        rates.append(_rate(score, _sample(pairs, stride, len(rates))))
    return median(rates)


def measure_milliseconds(score: Callable[[Sequence[Pair]], Any], pairs: Sequence[Pair], seconds: float) -> float:
    """Return the median time of ``score`` for one pair, over different ones; after a few untimed calls.

    Args:
        score: texts in, scores out, tokenising included.
        pairs: (question, passage); at least one.
        seconds: time to spend after warming up; a few calls are timed in any case.
    """
    for index in range(WARM_UP_CALLS):
        score([pairs[index % len(pairs)]])
    took: list[float] = []
    end = time.perf_counter() + seconds
    while len(took) < WARM_UP_CALLS or time.perf_counter() < end:
        started = time.perf_counter()
        score([pairs[len(took) % len(pairs)]])
        took.append((time.perf_counter() - started) * 1000)
    return median(took)


def _sample(pairs: Sequence[Pair], stride: int, offset: int) -> Sequence[Pair]:
    return pairs[offset % stride :: stride]


def _rate(score: Callable[[Sequence[Pair]], Any], pairs: Sequence[Pair]) -> float:
    started = time.perf_counter()
    score(pairs)
    return len(pairs) / max(time.perf_counter() - started, 1e-9)


def with_ensemble(
    speed: Mapping[str, float], sizes: Mapping[str, int], teachers: Sequence[str]
) -> tuple[dict[str, float], dict[str, int]]:
    """Add what an ensemble of ``teachers`` takes, which asks one after the other, where each has been timed."""
    speed, sizes = dict(speed), dict(sizes)
    if teachers and all(teacher in speed for teacher in teachers):
        speed["ensemble"] = 1 / sum(1 / speed[teacher] for teacher in teachers)
        sizes["ensemble"] = sum(sizes[teacher] for teacher in teachers)
    return speed, sizes
