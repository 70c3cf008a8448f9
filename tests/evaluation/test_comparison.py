"""Rows of a comparison: intervals over seeds and questions, and tests that find what is there and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from tmkd.evaluation.comparison import Comparison, Judged

QUESTIONS, SEEDS = 400, 3
IDS = np.repeat([f"q{index}" for index in range(QUESTIONS)], 2)


def right(share: float, seed: int) -> Judged:
    rng = np.random.default_rng(seed)
    return Judged((rng.random((SEEDS, len(IDS))) < share).astype(np.float64))


@pytest.fixture(scope="module")
def found() -> Comparison:
    return Comparison({"good": right(0.9, 1), "as good": right(0.9, 2), "poor": right(0.6, 3)}, IDS, 2000)


def test_a_difference_that_is_there_is_found_and_one_that_is_not_is_not(found: Comparison) -> None:
    real, none = found.difference("good", "poor"), found.difference("good", "as good")
    assert real.p < 0.01 and real.interval.low > 0 and real.mcnemar is not None and real.mcnemar < 0.01
    assert none.p > 0.05 and none.interval.low < 0 < none.interval.high


def test_a_model_does_not_differ_from_itself_and_the_sign_turns_with_the_order(found: Comparison) -> None:
    assert found.difference("good", "good").p == 1.0
    forth, back = found.difference("good", "poor"), found.difference("poor", "good")
    assert forth.interval.estimate == pytest.approx(-back.interval.estimate)
    assert forth.p == back.p


def test_the_interval_over_seeds_is_student_s() -> None:
    judged = right(0.7, 4)
    interval = ttest_1samp(judged.by_seed, 0).confidence_interval(0.95)
    assert judged.over_seeds is not None
    assert (judged.over_seeds.low, judged.over_seeds.high) == pytest.approx((interval.low, interval.high))
    assert Judged(judged.scores[:1]).over_seeds is None


def test_rows_of_a_question_stay_together() -> None:
    """Twice the same rows are no more evidence."""
    scores = right(0.7, 5).scores[:, ::2]
    once = Comparison({"a": Judged(scores)}, IDS[::2], 4000).interval("a")
    twice = Comparison({"a": Judged(np.repeat(scores, 2, axis=1))}, IDS, 4000).interval("a")
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))


def test_p_values_of_equal_models_are_spread_evenly() -> None:
    """Of a hundred comparisons of equals about five may be below 0.05."""
    ids = np.array([f"q{index}" for index in range(300)])
    rng = np.random.default_rng(7)
    models = [(rng.random((1, 300)) < 0.7).astype(np.float64) for _ in range(200)]
    below = sum(
        Comparison({"a": Judged(one), "b": Judged(two)}, ids, 1000).difference("a", "b").p < 0.05
        for one, two in zip(models[::2], models[1::2], strict=True)
    )
    assert 1 <= below <= 12


def test_rows_count_alike_whatever_question_they_are_of() -> None:
    """Questions of one, two and three candidates: the estimate is the mean over rows."""
    ids = np.repeat([f"q{index}" for index in range(60)], np.tile([1, 2, 3], 20))
    rng = np.random.default_rng(11)
    one, two = (rng.random((SEEDS, len(ids))) < share for share in (0.9, 0.6))
    found = Comparison({"a": Judged(one.astype(float)), "b": Judged(two.astype(float))}, ids, 1000).difference("a", "b")
    assert found.interval.estimate == pytest.approx(one.mean() - two.mean())
    assert found.over_questions.estimate == pytest.approx(one.mean() - two.mean())


def test_a_model_without_seeds_is_the_same_for_all_seeds_of_another() -> None:
    fixed, seeded = Judged(right(0.6, 12).scores[:1]), right(0.9, 13)
    thrice = Judged(np.repeat(fixed.scores, SEEDS, axis=0))
    found = Comparison({"seeded": seeded, "fixed": fixed, "thrice": thrice}, IDS, 1000)
    assert found.difference("seeded", "fixed") == found.difference("seeded", "thrice")


def test_seeds_that_differ_take_away_what_questions_alone_would_show() -> None:
    """Two points between the means, and seeds that are eight points apart."""
    rng = np.random.default_rng(14)
    shares = {"a": (0.78, 0.86, 0.82), "b": (0.84, 0.76, 0.80)}
    models = {name: Judged((rng.random((4000, 3)) < seeds).T.astype(float)) for name, seeds in shares.items()}
    found = Comparison(models, np.arange(4000).astype(str), 2000).difference("a", "b")
    assert found.p_over_questions < 0.05 < found.p
    assert found.interval.low < 0 < found.over_questions.low


def test_pairs_name_the_better_one_first(found: Comparison) -> None:
    pairs = found.pairs(["poor", "good", "as good"])
    assert len(pairs) == 3
    assert all(difference.interval.estimate >= 0 for difference in pairs.values())
    assert ("good", "poor") in pairs


def test_measures_of_a_question_have_no_mcnemar() -> None:
    rng = np.random.default_rng(0)
    models = {name: Judged(rng.random((1, QUESTIONS))) for name in "ab"}
    assert Comparison(models, IDS[::2], 1000).difference("a", "b").mcnemar is None
