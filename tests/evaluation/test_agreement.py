import numpy as np
import pytest
from scipy.stats import kendalltau

from tmkd.evaluation import agreement as room
from tmkd.evaluation.agreement import agreement, question_taus


def pairs(positive):
    positive = np.asarray(positive, dtype=np.float64)
    return np.stack([1 - positive, positive], axis=1)


def test_a_model_agrees_with_itself():
    rng = np.random.default_rng(0)
    probabilities = pairs(rng.random(40))
    found = agreement(probabilities, probabilities, [f"q{i // 4}" for i in range(40)])
    assert found.top1_agreement == 1.0
    assert found.kendall_tau == pytest.approx(1.0)
    assert found.kendall_tau_rows == pytest.approx(1.0)
    assert found.ndcg_teacher == pytest.approx(1.0)
    assert found.questions == 10


def test_measures_by_hand():
    ensemble, student = pairs([0.9, 0.5, 0.1, 0.3, 0.2, 0.7]), pairs([0.8, 0.2, 0.4, 0.1, 0.6, 0.7])
    found = agreement(student, ensemble, ["a", "a", "a", "b", "b", "alone"])
    assert found.top1_agreement == 0.5
    assert found.kendall_tau == pytest.approx((1 / 3 - 1) / 2)
    log = np.log2([2, 3, 4])
    first = (np.array([0.9, 0.1, 0.5]) / log).sum() / (np.array([0.9, 0.5, 0.1]) / log).sum()
    second = (np.array([0.2, 0.3]) / log[:2]).sum() / (np.array([0.3, 0.2]) / log[:2]).sum()
    assert found.ndcg_teacher == pytest.approx((first + second) / 2, abs=1e-4)
    assert found.questions == 2


@pytest.mark.parametrize("large", [500, 3])
def test_taus_equal_scipys_question_by_question(large, monkeypatch):
    monkeypatch.setattr(room, "LARGE_QUESTION", large)
    rng = np.random.default_rng(0)
    codes = np.unique(rng.integers(0, 80, 500), return_inverse=True)[1]
    student, ensemble = np.round(rng.random(500), 1), np.round(rng.random(500), 1)
    rows = [np.flatnonzero(codes == question) for question in range(codes.max() + 1)]
    decided = [r for r in rows if len(np.unique(ensemble[r])) > 1]
    expected = [np.nan_to_num(kendalltau(student[r], ensemble[r]).statistic) for r in decided]
    np.testing.assert_allclose(np.sort(question_taus(student, ensemble, codes)), np.sort(expected), atol=1e-12)


def test_an_undecided_student_counts_as_zero_and_an_undecided_ensemble_not_at_all():
    codes = np.array([0, 0, 1, 1])
    assert question_taus(np.array([0.5, 0.5, 0.1, 0.2]), np.array([0.1, 0.2, 0.3, 0.3]), codes).tolist() == [0.0]


def test_more_classes_or_lone_candidates_are_compared_by_class():
    rng = np.random.default_rng(0)
    student, ensemble = rng.dirichlet([1, 1, 1], 50), rng.dirichlet([1, 1, 1], 50)
    found = agreement(student, ensemble, ["a"] * 50)
    assert found.top1_agreement == (student.argmax(1) == ensemble.argmax(1)).mean()
    assert found.kendall_tau is found.ndcg_teacher is None
    lone = agreement(pairs([0.9, 0.2]), pairs([0.6, 0.7]), ["a", "b"])
    assert (lone.top1_agreement, lone.kendall_tau, lone.kendall_tau_rows) == (0.5, None, -1.0)


def test_a_hundred_thousand_rows_are_measured_as_the_hundred_that_they_repeat():
    rng = np.random.default_rng(0)
    student, ensemble = rng.random(100), rng.random(100)
    few = agreement(pairs(student), pairs(ensemble), [f"q{i // 10}" for i in range(100)])
    many = agreement(
        pairs(np.tile(student, 1000)), pairs(np.tile(ensemble, 1000)), [f"q{i // 10}" for i in range(100_000)]
    )
    assert many.questions == 1000 * few.questions == 10_000
    for measure in ("top1_agreement", "kendall_tau", "kendall_tau_rows", "ndcg_teacher"):
        assert getattr(many, measure) == pytest.approx(getattr(few, measure))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="shape"):
        agreement(pairs([0.1]), pairs([0.1, 0.2]), ["a"])


def test_an_ensemble_that_believes_in_nothing_has_no_gains():
    found = agreement(pairs([0.1, 0.2]), pairs([0.0, 0.0]), ["a", "a"])
    assert found.ndcg_teacher is found.kendall_tau is found.kendall_tau_rows is None
    assert found.top1_agreement == 1.0
