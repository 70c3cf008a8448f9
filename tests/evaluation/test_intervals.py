import math

import numpy as np
import pytest
from scipy.stats import binomtest

from tmkd.evaluation.intervals import Interval, Run, difference, mean, recovered_gap, wilson


def made_up(rng, questions=200, size=3, shares=(0.7, 0.76, 0.8)):
    """Rows whose correctness shares a question's difficulty, for baseline, student and ensemble."""
    difficulty = np.repeat(rng.normal(0, 0.3, questions), size)
    scores = {
        name: (rng.random(questions * size) < np.clip(share + difficulty, 0, 1)).astype(float)
        for name, share in zip(("baseline", "student", "ensemble"), shares, strict=True)
    }
    return Run([f"q{i // size}" for i in range(questions * size)], scores)


@pytest.mark.parametrize(("correct", "total"), [(0, 20), (173, 277), (277, 277), (1, 3)])
def test_wilson_equals_scipys(correct, total):
    expected = binomtest(correct, total).proportion_ci(method="wilson")
    found = wilson(correct, total)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.estimate == correct / total


def test_wilson_needs_a_share():
    with pytest.raises(ValueError, match="5 of 3 is no share"):
        wilson(5, 3)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Rows of a question depend on each other: an interval over rows would be too short and fail here."""
    truth, held = 0.7, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        hard = rng.random(60) < 0.5
        scores = np.repeat(np.where(hard, 0.4, 1.0), 4)
        run = Run([f"q{i // 4}" for i in range(240)], {"a": (rng.random(240) < scores).astype(float)})
        interval = mean([run], "a", resamples=300, seed=seed)
        held += interval.low <= truth <= interval.high
    assert 0.89 <= held / 200 <= 0.99


def test_a_paired_difference_is_surer_than_two_means():
    rng = np.random.default_rng(0)
    base = (rng.random(600) < 0.7).astype(float)
    better = np.where(rng.random(600) < 0.05, 1.0, base)
    run = Run([f"q{i // 2}" for i in range(600)], {"a": better, "b": base})
    gain = difference([run], "a", "b")
    assert gain.estimate == pytest.approx(better.mean() - base.mean())
    assert gain.low > 0
    assert gain.high - gain.low < (mean([run], "a").high - mean([run], "a").low) / 2


def test_the_recovered_gap_of_pooled_seeds():
    runs = [made_up(np.random.default_rng(seed), questions=2000) for seed in range(3)]
    gap = recovered_gap(runs, resamples=500)
    means = {name: np.mean([run.scores[name].mean() for run in runs]) for name in runs[0].scores}
    expected = (means["student"] - means["baseline"]) / (means["ensemble"] - means["baseline"])
    assert gap.estimate == pytest.approx(expected)
    assert gap.low < gap.estimate < gap.high
    assert gap.high - gap.low < 1


def test_the_same_question_in_two_seeds_is_no_more_evidence_than_once():
    run = made_up(np.random.default_rng(0))
    once, twice = (mean([run] * times, "student", seed=3) for times in (1, 2))
    assert once == twice


def test_a_gap_that_is_not_there_has_no_ratio():
    run = made_up(np.random.default_rng(0), shares=(0.8, 0.7, 0.6))
    assert recovered_gap([run]) is None


def test_a_gap_that_is_not_sure_has_no_end():
    baseline = np.r_[np.ones(20), np.zeros(20)]
    ensemble = np.r_[np.zeros(5), np.ones(21), np.zeros(14)]  # one question better, which chance may undo
    scores = {"baseline": baseline, "ensemble": ensemble, "student": np.ones(40)}
    gap = recovered_gap([Run([f"q{i}" for i in range(40)], scores)])
    assert gap.estimate == pytest.approx(20)
    assert math.isinf(gap.high)


def test_the_same_seed_gives_the_same_interval():
    run = made_up(np.random.default_rng(0))
    assert mean([run], "student", seed=1) == mean([run], "student", seed=1)
    assert str(Interval(0.5, 0.25, 1.0)) == "0.500 [0.250, 1.000]"
