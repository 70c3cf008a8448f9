"""Where a trial may be stopped."""

from __future__ import annotations

import pytest

from tmkd.errors import UserError
from tmkd.search.trial import check_rungs, rung_steps


def test_rungs_are_where_validation_measures() -> None:
    from tmkd.training.validation import Validation

    for steps in (3, 6, 38, 100):
        for rungs in (1, 2, 3):
            due = [step for step in range(1, steps + 1) if Validation([], [], rungs).is_due(step, steps)]
            assert due == rung_steps(steps, rungs)
            assert due[-1] == steps


def test_more_rungs_than_steps_are_refused() -> None:
    check_rungs(3, 3)
    with pytest.raises(UserError, match=r"search\.rungs: 4, but stage 2 has 3 steps; give at most 3"):
        check_rungs(3, 4)
