"""The front is what nothing beats, and a limit picks from it or says what is nearest."""

from __future__ import annotations

import numpy as np
import pytest

from tmkd.errors import UserError
from tmkd.search.pareto import Candidate, front, pick


def candidate(name: str, quality: float, milliseconds: float) -> Candidate:
    return Candidate(name, {"shape": name}, f"students/{name}", quality, milliseconds, 1000 / milliseconds)


FAST, GOOD, BEST = candidate("fast", 0.70, 1.0), candidate("good", 0.78, 2.0), candidate("best", 0.80, 4.0)
SLOW, TWIN = candidate("slow", 0.75, 3.0), candidate("twin", 0.78, 2.0)
ALL = [SLOW, BEST, FAST, GOOD, TWIN]


def names(candidates: list[Candidate]) -> list[str]:
    return [each.trial for each in candidates]


def test_the_front_has_what_nothing_beats_the_fastest_first() -> None:
    assert names(front(ALL)) == ["fast", "good", "best"]


def test_the_front_is_the_one_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        some = [candidate(str(i), *map(float, rng.integers(1, 6, 2))) for i in range(12)]
        beaten = [
            any(
                (o.quality >= c.quality and o.milliseconds <= c.milliseconds)
                and (o.quality > c.quality or o.milliseconds < c.milliseconds)
                for o in some
            )
            for c in some
        ]
        expected = {(c.quality, c.milliseconds) for c, is_beaten in zip(some, beaten, strict=True) if not is_beaten}
        assert {(c.quality, c.milliseconds) for c in front(some)} == expected


@pytest.mark.parametrize(
    ("under_ms", "at_least", "chosen"),
    [(None, None, "best"), (2.0, None, "good"), (3.9, None, "good"), (1.5, None, "fast"),
     (None, 0.95, "good"), (None, 0.5, "fast"), (None, 1.0, "best"), (2.5, 0.85, "fast")],
)  # fmt: skip
def test_a_limit_picks_from_the_front(under_ms: float | None, at_least: float | None, chosen: str) -> None:
    assert pick(ALL, under_ms, at_least, ensemble=0.80).trial == chosen


def test_limits_that_none_meets_name_the_nearest() -> None:
    with pytest.raises(UserError, match=r"under_ms: 0.5, but the fastest student takes 1.00 ms"):
        pick(ALL, 0.5, None, 0.8)
    with pytest.raises(UserError, match=r"at_least: 1 of the ensemble's 0.900, but the best student reaches 0.889"):
        pick(ALL, None, 1.0, 0.9)
    with pytest.raises(UserError, match=r"best student in time reaches 0.867"):
        pick(ALL, 2.5, 0.99, 0.9)
