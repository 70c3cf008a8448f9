import numpy as np
import pytest

from tmkd.evaluation.ensemble import mean_probabilities


def test_the_ensemble_is_the_mean_of_probabilities():
    teachers = np.random.default_rng(0).dirichlet([1, 1], (3, 5)).astype(np.float32)
    np.testing.assert_allclose(mean_probabilities(list(teachers)), teachers.astype(np.float64).mean(axis=0))


def test_teachers_of_different_classes_make_no_ensemble():
    with pytest.raises(ValueError, match="one shape"):
        mean_probabilities([np.ones((2, 2)), np.ones((2, 3))])
    with pytest.raises(ValueError, match="one shape"):
        mean_probabilities([])


def test_votes_may_weigh_differently() -> None:
    a, b = np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])
    np.testing.assert_allclose(mean_probabilities([a, b], [3, 1]), [[0.3, 0.7]])
