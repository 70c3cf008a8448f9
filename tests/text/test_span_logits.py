"""Span logits of many contexts."""

import numpy as np

from tmkd.text.span_logits import SpanLogits


def three() -> SpanLogits:
    rows = [np.arange(6, dtype=np.float32).reshape(3, 2), np.empty((0, 2), np.float32), np.ones((2, 2), np.float32)]
    return SpanLogits.of(rows, np.array([1.0, 2.0, 3.0], np.float32))


def test_rows_come_back() -> None:
    found = three()
    assert len(found) == 3 and found.lengths.tolist() == [3, 0, 2]
    assert found.row(0).tolist() == [[0, 1], [2, 3], [4, 5]] and found.row(2).tolist() == [[1, 1], [1, 1]]


def test_within_looks_at_every_number() -> None:
    found = three()
    assert found.within(10).tolist() == [True, True, True]
    assert found.within(4).tolist() == [False, True, True]
    assert found.within(2.5).tolist() == [False, True, False]
    found.tokens[4, 0] = np.nan
    assert found.within(10).tolist() == [True, True, False]
