import time

import pytest

from tmkd.evaluation.speed import measure_milliseconds, measure_pairs_per_second, with_ensemble

PAIRS = [("question", f"passage {i}") for i in range(1000)]


def test_the_rate_of_a_known_scorer():
    rate = measure_pairs_per_second(lambda pairs: time.sleep(0.001 * len(pairs)), PAIRS, seconds=0.5)
    assert rate == pytest.approx(1000, rel=0.2)


def test_a_slow_first_call_does_not_count():
    seen = []

    def score(pairs):
        time.sleep((0.0 if seen else 0.3) + 0.0005 * len(pairs))
        seen.append(len(pairs))

    assert measure_pairs_per_second(score, PAIRS, seconds=0.3) == pytest.approx(2000, rel=0.25)
    assert len(seen) >= 5


def test_a_scorer_that_is_very_slow_is_not_asked_for_everything():
    started = time.perf_counter()
    rate = measure_pairs_per_second(lambda pairs: time.sleep(0.01 * len(pairs)), PAIRS * 10, seconds=0.5)
    assert rate == pytest.approx(100, rel=0.2)
    assert time.perf_counter() - started < 5


def test_one_pair_is_enough_and_none_is_not():
    assert measure_pairs_per_second(lambda pairs: None, PAIRS[:1], seconds=0.01) > 0
    with pytest.raises(ValueError, match="no pairs"):
        measure_pairs_per_second(len, [])


def test_one_pair_takes_the_median_time_of_calls_on_different_pairs():
    asked = []

    def score(pairs):
        time.sleep(0.2 if len(asked) == 7 else 0.005)
        asked.append(pairs)

    assert measure_milliseconds(score, PAIRS[:4], seconds=0.1) == pytest.approx(5, rel=0.3)
    assert asked[5:9] == [[pair] for pair in PAIRS[:4]]  # after five untimed ones


def test_an_ensemble_takes_its_teachers_turns_together():
    speed, sizes = with_ensemble({"a": 100.0, "b": 50.0, "baseline": 7.0}, {"a": 3, "b": 4, "baseline": 1}, ["a", "b"])
    assert speed["ensemble"] == pytest.approx(100 / 3) and sizes["ensemble"] == 7
    assert "ensemble" not in with_ensemble({"a": 100.0}, {"a": 3, "b": 4}, ["a", "b"])[0]
