"""The paired randomisation test against counting every choice of signs."""

from itertools import product

import numpy as np
import pytest

from tmkd.evaluation.paired_test import p_value


@pytest.mark.parametrize("differences", [[1, 1, 1, 1, 1, -1], [0.5, -0.2, 0.7, 0.1, 0.0, 0.4, -0.1], [1, -1, 1, -1]])
def test_it_is_the_share_of_all_choices_of_signs(differences) -> None:
    values = np.array(differences, float)
    found = abs(values.mean()) - 1e-12
    exact = np.mean([abs((values * signs).mean()) >= found for signs in product((-1, 1), repeat=len(values))])
    assert p_value(values, resamples=40_000) == pytest.approx(exact, abs=0.01)


def test_where_nothing_differs_nothing_is_shown() -> None:
    assert p_value(np.zeros(10)) == 1


def test_under_chance_alone_it_is_as_often_small_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = [p_value(rng.choice([-1.0, 0.0, 1.0], 60), resamples=400, seed=seed) for seed in range(300)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_without_questions_it_says_so() -> None:
    with pytest.raises(ValueError, match="no questions"):
        p_value(np.empty(0))
