"""The analysis over seeds and questions: its equations, its limits, and how often it sees what is not there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t, ttest_1samp

from tmkd.evaluation.two_way import two_way


def by_hand(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard error and degrees of freedom, written as sums of squares (Dorfman et al., 1992; Hillis, 2007)."""
    seeds, questions = differences.shape
    grand = sum(differences[s, q] for s in range(seeds) for q in range(questions)) / (seeds * questions)
    seed = [sum(differences[s]) / questions for s in range(seeds)]
    question = [sum(differences[:, q]) / seeds for q in range(questions)]
    ms_seed = questions * sum((value - grand) ** 2 for value in seed) / (seeds - 1)
    ms_question = seeds * sum((value - grand) ** 2 for value in question) / (questions - 1)
    ms_both = sum(
        (differences[s, q] - seed[s] - question[q] + grand) ** 2 for s in range(seeds) for q in range(questions)
    ) / ((seeds - 1) * (questions - 1))
    spread = ms_seed + max(ms_question - ms_both, 0)
    return grand, (spread / (seeds * questions)) ** 0.5, spread**2 / (ms_seed**2 / (seeds - 1))


def test_it_is_what_its_equations_say() -> None:
    rng = np.random.default_rng(0)
    for seeds, questions in [(2, 5), (3, 40), (5, 17)]:
        differences = (
            rng.normal(0.1, 1, (seeds, questions)) + rng.normal(0, 1, (seeds, 1)) + rng.normal(0, 1, questions)
        )
        found = two_way(differences)
        assert (found.estimate, found.error, found.freedom) == pytest.approx(by_hand(differences))
        expected = 2 * t.sf(abs(found.estimate) / found.error, found.freedom)
        assert found.p == pytest.approx(max(expected, 2.0 ** (1 - questions)))


def test_with_one_seed_it_is_student_s_test_over_questions() -> None:
    values = np.random.default_rng(1).normal(0.2, 1, 60)
    found, expected = two_way(values[None]), ttest_1samp(values, 0)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.estimate - found.half_width, found.estimate + found.half_width) == pytest.approx(tuple(interval))


@pytest.mark.parametrize(("questions", "least"), [(1, 1.0), (3, 0.25), (5, 0.0625)])
def test_few_questions_show_little_however_alike_they_are(questions: int, least: float) -> None:
    assert two_way(np.ones((1, questions))).p == least
    assert two_way(np.ones((3, questions))).p == least


def test_models_that_say_the_same_do_not_differ() -> None:
    assert two_way(np.zeros((3, 50))).p == 1.0


def test_without_seeds_or_questions_there_is_nothing_to_say() -> None:
    for shape in [(0, 5), (3, 0)]:
        with pytest.raises(ValueError, match="no differences"):
            two_way(np.ones(shape))


@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_equal_models_are_called_different_one_time_in_twenty_whatever_their_seeds_do(spread: float) -> None:
    rng, questions = np.random.default_rng(2), 500
    below = []
    for _ in range(400):
        easy = rng.beta(4, 1.2, questions)
        right = [[rng.random(questions) < easy + rng.normal(0, spread) for _ in range(3)] for _ in range(2)]
        one, two = np.asarray(right, np.float64)
        below.append([two_way(one - two).p < 0.05, two_way((one - two).mean(axis=0)[None]).p < 0.05])
    with_seeds, without = np.mean(below, axis=0)
    assert with_seeds < 0.08  # 0.05, and two standard deviations of 400 draws
    assert spread == 0 or without > 0.15  # what it is for
