import numpy as np
import pytest

from tmkd.evaluation.questions import ranks
from tmkd.evaluation.ranking import rank_measures


def by_hand(scores, relevant, codes, gains):
    """A float64 reading of the definitions, one question at a time."""
    found = {}
    for question in np.unique(codes[relevant]):
        rows = np.flatnonzero(codes == question)
        rows = rows[np.argsort(ranks(scores, codes)[rows])]
        hits, gain = relevant[rows], gains[rows].astype(np.float64)
        places = np.flatnonzero(hits)
        mrr = 1 / (places[0] + 1) if places[0] < 10 else 0.0
        precision = [(index + 1) / (place + 1) for index, place in enumerate(places)]
        discounts = 1 / np.log2(np.arange(2, min(10, len(rows)) + 2))
        ideal = (np.sort(gain)[::-1][:10] * discounts).sum()
        found[question] = (mrr, (gain[:10] * discounts).sum() / ideal, np.mean(precision))
    return found


@pytest.mark.parametrize("gains", ["labels", "grades", "fractions"])
def test_measures_equal_their_definitions(gains):
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 60, 900)
    scores = np.round(rng.random(900), 1)  # many ties
    relevant = (rng.random(900) < 0.15) & (codes != 7)
    grades = {
        "labels": None,
        "grades": np.where(relevant, rng.integers(1, 4, 900), 0).astype(np.float32),
        "fractions": rng.random(900),
    }[gains]
    expected = by_hand(scores, relevant, codes, relevant if grades is None else grades)
    found = rank_measures(scores, relevant, codes, grades)
    assert found.questions.tolist() == sorted(expected)
    assert 7 not in expected
    values = np.stack([found.mrr10, found.ndcg10, found.map], axis=1)
    tolerance = 1e-4 if gains == "fractions" else 1e-12  # fractions are rounded to ten-thousandths
    np.testing.assert_allclose(values, [expected[q] for q in found.questions.tolist()], atol=tolerance)


def test_questions_with_nothing_but_answers_stay_in_and_those_without_any_go():
    codes = np.array([0, 0, 1, 1, 2, 2])
    relevant = np.array([True, True, False, False, False, True])
    found = rank_measures(np.array([0.2, 0.1, 0.2, 0.1, 0.2, 0.1]), relevant, codes)
    assert found.questions.tolist() == [0, 2]
    assert found.map.tolist() == [1.0, 0.5]
    assert found.mrr10.tolist() == [1.0, 0.5]


def test_tiny_grades_count_as_much_as_large_ones():
    codes, scores, relevant = np.zeros(3, int), np.array([0.3, 0.2, 0.1]), np.array([True, True, True])
    large, small = (rank_measures(scores, relevant, codes, np.array([1, 4, 2]) * unit) for unit in (0.25, 1e-9))
    assert large.ndcg10 == pytest.approx(small.ndcg10)
    assert large.ndcg10[0] == pytest.approx((1 + 4 / np.log2(3) + 1) / (4 + 2 / np.log2(3) + 0.5), abs=1e-4)


def test_close_probabilities_are_told_apart_in_float64():
    """The provider keeps scores in float32, where these two are equal."""
    scores = np.array([1 - 1e-12, 1 - 2e-12] * 50)
    codes, relevant = np.repeat(np.arange(50), 2), np.array([False, True] * 50)
    assert rank_measures(scores, relevant, codes).map.tolist() == [0.5] * 50


def test_a_model_that_says_the_same_of_all_does_not_profit_from_the_order_of_the_file():
    codes, relevant = np.repeat(np.arange(2000), 10), np.array([True] + [False] * 9)
    found = rank_measures(np.full(20_000, 0.5), np.tile(relevant, 2000), codes)
    chance = np.mean(1 / np.arange(1, 11))
    assert found.mrr10.mean() == pytest.approx(chance, abs=0.03)


def test_a_hundred_thousand_rows_are_measured_as_the_hundred_that_they_repeat():
    rng = np.random.default_rng(0)
    scores, relevant, gains = rng.random(100), rng.random(100) < 0.3, rng.random(100)
    few = rank_measures(scores, relevant, np.repeat(np.arange(10), 10), gains)
    repeated = (np.tile(values, 1000) for values in (scores, relevant))
    many = rank_measures(*repeated, np.repeat(np.arange(10_000), 10), np.tile(gains, 1000))
    assert len(many.questions) == 1000 * len(few.questions)
    for measure in ("mrr10", "ndcg10", "map"):
        np.testing.assert_allclose(getattr(many, measure), np.tile(getattr(few, measure), 1000))
