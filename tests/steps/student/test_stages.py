"""What a stage takes of its split."""

import pytest

from tmkd.steps.student.stages import first_rows

SHARDS = {"a": 5, "b": 5, "c": 2}


@pytest.mark.parametrize(
    ("rows", "kept"), [(None, "abc"), (1, "a"), (5, "a"), (6, "ab"), (10, "ab"), (11, "abc"), (12, "abc"), (99, "abc")]
)
def test_rows_of_stage_1_are_whole_shards_that_hold_at_least_so_many(rows: int | None, kept: str) -> None:
    assert "".join(first_rows(SHARDS, rows)) == kept
