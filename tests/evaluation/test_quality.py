import numpy as np
import pytest

from tmkd.evaluation.quality import UNJUDGED, auc, quality


def pairs(positive):
    positive = np.asarray(positive, dtype=np.float64)
    return np.stack([1 - positive, positive], axis=1)


def test_two_classes_have_every_measure():
    labels = np.array([1, 0, 0, 1, 0, 0])
    found = quality(labels, pairs([0.9, 0.1, 0.6, 0.4, 0.7, 0.2]), ["a", "a", "a", "b", "b", "c"])
    assert found.accuracy == pytest.approx(3 / 6)
    assert found.auc == pytest.approx(6 / 8)
    assert found.mrr10 == found.map == pytest.approx((1 + 0.5) / 2)
    assert found.ndcg10 == pytest.approx((1 + 1 / np.log2(3)) / 2)
    assert (found.rows, found.questions, found.ranked_questions) == (6, 3, 2)
    assert found.average_precision == pytest.approx([1, 0.5])  # of a and b; c has nothing to find


def test_auc_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    labels, positive = rng.integers(0, 2, 300), np.round(rng.random(300), 1)
    above = positive[labels == 1][:, None] - positive[labels == 0][None]
    assert auc(labels, pairs(positive)) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())


def test_three_classes_have_no_ranking_and_a_mean_auc():
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
    found = quality(labels, probabilities, [f"q{i // 4}" for i in range(200)])
    areas = [auc((labels == c).astype(int), pairs(probabilities[:, c])) for c in range(3)]
    assert found.auc == pytest.approx(np.mean(areas))
    assert found.mrr10 is found.ndcg10 is found.map is None
    assert found.ranked_questions == 0


def test_a_measure_that_means_nothing_is_none():
    alone = quality(np.array([1, 0]), pairs([0.9, 0.1]), ["a", "b"])
    assert (alone.accuracy, alone.auc, alone.map) == (1.0, 1.0, None)
    one_class = quality(np.array([0, 0]), pairs([0.9, 0.1]), ["a", "a"])
    assert (one_class.accuracy, one_class.auc, one_class.map) == (0.5, None, None)
    nothing = quality(np.array([UNJUDGED]), pairs([0.9]), ["a"])
    assert (nothing.accuracy, nothing.auc, nothing.rows) == (None, None, 0)


def test_rows_without_a_judgement_are_left_out():
    full = quality(np.array([1, 0, UNJUDGED]), pairs([0.4, 0.6, 0.9]), ["a"] * 3, grades=np.array([2, 0, np.nan]))
    assert full == quality(np.array([1, 0]), pairs([0.4, 0.6]), ["a"] * 2, grades=np.array([2, 0]))
    assert full.rows == 2


def test_a_score_that_is_missing_counts_nowhere_if_its_row_is_not_judged():
    labels, gap = np.array([1, UNJUDGED, 0]), pairs([0.4, np.nan, 0.6])
    assert quality(labels, gap, ["a"] * 3) == quality(np.array([1, 0]), pairs([0.4, 0.6]), ["a"] * 2)


def test_grades_change_ndcg_alone():
    labels, probabilities, questions = np.array([1, 1, 0]), pairs([0.9, 0.8, 0.1]), ["a"] * 3
    plain = quality(labels, probabilities, questions)
    graded = quality(labels, probabilities, questions, grades=np.array([1.0, 3.0, 0.0], np.float32))
    assert (plain.ndcg10, plain.map, graded.map) == (1.0, 1.0, 1.0)
    assert graded.ndcg10 == pytest.approx((1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3)))


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([1, 7], [[0.5, 0.5], [0.5, 0.5]], "labels run from 1 to 7, but there are 2 classes"),
        ([1, 0], [[0.5, np.nan], [0.5, 0.5]], "1 rows of probabilities are not finite"),
        ([1], [[0.5, 0.5], [0.5, 0.5]], "shape"),
    ],
)
def test_what_cannot_be_measured_is_said(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        quality(np.array(labels), np.array(probabilities), ["a"] * len(labels))
