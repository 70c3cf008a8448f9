import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import kendalltau

from tmkd.runtimes.fidelity import fidelity


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32)


def test_the_same_scores_pass(scores) -> None:
    found = fidelity(scores, scores.copy())
    assert (found.p99, found.tau, found.passes) == (0.0, 1.0, True)


def test_figures_are_those_of_the_definitions(scores) -> None:
    other = scores + np.random.default_rng(1).normal(scale=0.02, size=scores.shape).astype(np.float32)
    found = fidelity(scores, other)
    expected = np.quantile(np.abs(softmax(scores.astype(float), 1) - softmax(other.astype(float), 1)), 0.99)
    taus = [kendalltau(scores[:, c], other[:, c]).statistic for c in (0, 1)]
    assert found.p99 == pytest.approx(expected) and found.tau == pytest.approx(min(taus))
    assert not found.passes


def test_a_single_score_is_compared_on_the_scale_it_has() -> None:
    cosine = np.random.default_rng(0).normal(0.4, 0.1, size=(500, 1)).astype(np.float32)
    assert fidelity(cosine, cosine + 1e-4).passes
    shifted = fidelity(cosine, cosine + 0.02)  # a fifth of the spread: order kept, probabilities not
    assert shifted.tau == pytest.approx(1.0) and shifted.p99 > 0.04 and not shifted.passes
    stretched = fidelity(cosine * 10, (cosine + 0.02) * 10)
    assert stretched.p99 == pytest.approx(shifted.p99, rel=1e-4)


def test_rows_that_fp32_cannot_score_are_left_out_and_those_that_it_alone_can_are_not(scores) -> None:
    other, reference = scores.copy(), scores.copy()
    reference[5] = other[5] = np.nan
    assert fidelity(reference, other).passes and fidelity(reference, scores).passes
    assert not fidelity(scores, other).passes
    assert not fidelity(scores, np.full_like(scores, np.nan)).passes
