"""Expected calibration error against cases that are plain."""

from __future__ import annotations

import numpy as np
import pytest

from tmkd.evaluation.calibration_error import expected_calibration_error


def two(confidence: float, count: int) -> np.ndarray:
    return np.tile([1 - confidence, confidence], (count, 1))


def test_nine_in_ten_right_at_nine_tenths_is_no_error():
    labels = np.array([1] * 9 + [0])
    assert expected_calibration_error(labels, two(0.9, 10)) == pytest.approx(0.0)


def test_always_sure_and_half_right_is_half():
    assert expected_calibration_error(np.array([1, 0] * 5), two(1.0, 10)) == pytest.approx(0.5)


def test_bins_are_weighed_by_their_rows():
    labels = np.array([1] * 6 + [0, 0])  # six sure and right, two that say 0.6 and are wrong
    probabilities = np.concatenate([two(1.0, 6), two(0.6, 2)])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.6 * 2 / 8)


def test_gaps_of_opposite_sign_in_different_bins_do_not_cancel():
    labels = np.array([1, 0] * 5 + [1] * 10)  # ten that say 0.9 and are half right, ten that say 0.6 and are all right
    assert expected_calibration_error(labels, np.concatenate([two(0.9, 10), two(0.6, 10)])) == pytest.approx(0.4)


def test_it_is_guo_s_eq_3_over_fifteen_bins():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), size=400)
    labels = np.array([rng.choice(3, p=row) for row in probabilities])
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    gaps = []
    for m in range(15):
        inside = (confidence > m / 15) & (confidence <= (m + 1) / 15)
        if inside.any():
            gaps.append(inside.sum() / 400 * (right[inside].mean() - confidence[inside].mean()))
    assert min(gaps) < 0 < max(gaps)  # else one bin would do
    assert expected_calibration_error(labels, probabilities) == pytest.approx(np.abs(gaps).sum())


def test_without_rows_there_is_none():
    with pytest.raises(ValueError, match="no rows"):
        expected_calibration_error(np.empty(0, int), np.empty((0, 2)))
