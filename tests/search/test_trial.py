"""Where a trial may be stopped."""

from __future__ import annotations

import pytest

from tmkd.errors import UserError
from tmkd.search.trial import _after, check_rungs, rung_steps


def test_rungs_are_where_validation_measures() -> None:
    from tmkd.training.validation import Validation

    for steps in (3, 6, 38, 100):
        for rungs in (1, 2, 3):
            due = [step for step in range(1, steps + 1) if Validation([], [], rungs).is_due(step, steps)]
            assert due == rung_steps(steps, rungs)
            assert due[-1] == steps


def test_a_student_that_was_measured_at_other_moments_has_its_last_measure_at_the_last_rung() -> None:
    four = [[10, 0.1], [20, 0.2], [30, 0.3], [40, 0.4]]
    assert [_after(four, steps) for steps in rung_steps(40, 3)] == [0.1, 0.2, 0.4]
    assert [_after(four, steps) for steps in rung_steps(40, 8)] == [0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4]


def test_more_rungs_than_steps_are_refused() -> None:
    check_rungs(3, 3)
    with pytest.raises(UserError, match=r"search\.rungs: 4, but stage 2 has 3 steps; give at most 3"):
        check_rungs(3, 4)
