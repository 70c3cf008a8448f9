import numpy as np
import pytest

from tmkd.runtimes.batching import token_budget_batches


@pytest.mark.parametrize(("max_tokens", "max_rows"), [(64, 8), (1000, 512), (1, 1)])
def test_every_row_once_within_the_budget_longest_first(max_tokens: int, max_rows: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 40, size=301)
    batches = token_budget_batches(lengths, max_tokens, max_rows)
    assert sorted(np.concatenate(batches)) == list(range(301))
    for rows in batches:
        assert len(rows) <= max_rows
        assert len(rows) * lengths[rows].max() <= max_tokens or len(rows) == 1
    firsts = [lengths[rows].max() for rows in batches]
    assert firsts == sorted(firsts, reverse=True)


def test_rows_of_equal_length_keep_their_order() -> None:
    batches = token_budget_batches(np.array([3, 5, 3, 5, 3]), max_tokens=10)
    assert [rows.tolist() for rows in batches] == [[1, 3], [0, 2, 4]]


def test_no_rows_no_batches() -> None:
    assert token_budget_batches(np.zeros(0, dtype=np.int64), 100) == []
