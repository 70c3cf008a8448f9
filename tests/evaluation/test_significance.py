"""McNemar's and Holm's arithmetic by hand, and against references."""

import numpy as np
import pytest
from scipy.stats import binom

from tmkd.evaluation.significance import holm, mcnemar, verdict


def right(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    one = np.repeat([True, True, False, False], [both, first, second, neither])
    return one, np.repeat([True, False, True, False], [both, first, second, neither])


@pytest.mark.parametrize(("first", "second"), [(9, 1), (1, 9), (6, 5), (0, 7)])
def test_mcnemar_is_the_sign_test_of_the_rows_they_differ_on(first: int, second: int) -> None:
    few, many = sorted((first, second))
    expected = min(1.0, 2 * binom.cdf(few, few + many, 0.5))
    assert mcnemar(*right(30, first, second, 4)) == pytest.approx(expected)
    assert mcnemar(*right(0, first, second, 900)) == pytest.approx(expected)


def test_models_that_are_right_on_the_same_rows_do_not_differ() -> None:
    assert mcnemar(*right(5, 0, 0, 5)) == 1.0


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # 0.04 * 1 < 0.03 * 2
    assert holm([0.5, 0.6]) == [1.0, 1.0] and holm([]) == [] and holm([0.2]) == [0.2]


def test_holm_errs_about_as_often_as_it_promises_where_nothing_differs() -> None:
    rng = np.random.default_rng(0)
    wrong = np.mean([min(holm(rng.uniform(size=8))) < 0.05 for _ in range(4000)])
    assert 0.035 < wrong < 0.06


def test_what_may_be_said() -> None:
    assert verdict(0.2, "a", "b") == "no difference shown (p 0.2)"
    assert verdict(0.0004, "a", "b") == "a is better than b (p 0.0004)"
