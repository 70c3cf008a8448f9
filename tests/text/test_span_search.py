"""The best spans, against trying them all."""

from __future__ import annotations

import numpy as np
import pytest

from tmkd.text.span_search import best_spans


def every_span(start: np.ndarray, end: np.ndarray, longest: int) -> list[tuple[float, int, int]]:
    tokens = len(start)
    spans = [(start[i] + end[j], i, j) for i in range(tokens) for j in range(i, min(tokens, i + longest))]
    return sorted(spans, key=lambda span: (-span[0], span[1], span[2]))


@pytest.mark.parametrize("longest", [1, 3, 100])
@pytest.mark.parametrize("tokens", [1, 2, 7, 30])
def test_the_best_spans_are_those_of_trying_all(tokens: int, longest: int) -> None:
    rng = np.random.default_rng(tokens)
    start, end = rng.integers(-3, 4, (2, tokens)).astype(np.float32)  # whole numbers: many are equally good
    found = best_spans(start, end, 5, longest)
    expected = every_span(start, end, longest)[:5]
    assert [(span.score, span.first, span.last) for span in found] == expected


def test_probabilities_are_those_of_start_times_end() -> None:
    rng = np.random.default_rng(0)
    start, end = rng.normal(size=(2, 6))
    p, q = np.exp(start) / np.exp(start).sum(), np.exp(end) / np.exp(end).sum()
    for span in best_spans(start, end, 100, 6):
        assert span.probability == pytest.approx(p[span.first] * q[span.last])


def test_no_answer_takes_its_share() -> None:
    start, end = np.zeros(3), np.zeros(3)
    assert best_spans(start, end, 1, 3)[0].probability == pytest.approx(1 / 9)
    assert best_spans(start, end, 1, 3, null=0.0)[0].probability == pytest.approx(1 / 16)
    assert best_spans(start, end, 1, 3, null=100.0)[0].probability < 1e-20


def test_masked_tokens_are_in_no_answer_s_ends_and_a_context_without_tokens_has_none() -> None:
    start, end = np.array([-np.inf, 1.0, 0.0]), np.array([9.0, -np.inf, 0.5])
    assert [(s.first, s.last) for s in best_spans(start, end, 9, 3)] == [(1, 2), (2, 2)]
    assert best_spans(np.zeros(0), np.zeros(0), 3, 5) == [] and best_spans(start, end, 0, 5) == []
