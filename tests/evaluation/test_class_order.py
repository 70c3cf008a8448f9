"""Which order of a model's columns fits golden labels: found by looking at all of them, and only where it is clear."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tmkd.evaluation.class_order import fit_order

NLI = 3


def answers(labels: np.ndarray, classes: int, sure: float, seed: int = 0) -> np.ndarray:
    """Return probabilities of a model that is right as often as it is ``sure``, else of any class."""
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(len(labels)) < sure, labels, rng.integers(0, classes, len(labels)))
    logits = rng.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), said] += 6
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("order", list(permutations(range(NLI))))
def test_the_order_of_a_good_model_is_found_and_clear(order) -> None:
    labels = np.random.default_rng(1).integers(0, NLI, 200)
    found = fit_order(labels, answers(labels, NLI, 0.7)[:, list(order)], lead=True)
    assert found.order == order and found.is_clear
    assert found.is_as_read == (order == (0, 1, 2)) != found.contradicts
    assert found.best == pytest.approx(0.8, abs=0.07)


def test_a_model_that_knows_nothing_fits_no_order() -> None:
    labels = np.random.default_rng(1).integers(0, NLI, 300)
    for seed in range(5):
        found = fit_order(labels, answers(labels, NLI, 0.0, seed), lead=True)
        assert not found.is_clear and not found.contradicts


def test_a_model_that_mixes_up_two_classes_is_not_clear() -> None:
    labels = np.random.default_rng(1).integers(0, NLI, 300)
    blurred = answers(np.where(labels == 2, 2, np.random.default_rng(2).integers(0, 2, 300)), NLI, 0.9)
    assert not fit_order(labels, blurred, lead=True).is_clear


def test_one_that_always_says_the_frequent_class_is_no_better_for_it() -> None:
    """Read by position it is right nine times in ten, and yet it says nothing."""
    labels = (np.random.default_rng(1).random(500) < 0.1).astype(np.int64)
    logs = np.random.default_rng(2).normal(scale=0.1, size=(500, 2)) + np.array([3, 0])
    probabilities = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    assert not fit_order(labels, probabilities, lead=True).is_clear


def test_a_turned_ranker_is_seen_through_its_bias() -> None:
    """It ranks the relevant lower, but its threshold is such that it calls nothing relevant."""
    labels = (np.random.default_rng(1).random(500) < 0.2).astype(np.int64)
    score = -labels * 2.0 + np.random.default_rng(2).normal(size=500) - 8
    probabilities = np.stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))], axis=1)
    found = fit_order(labels, probabilities)
    assert found.order == (1, 0) and found.contradicts and found.best > 0.8 > 0.2 > found.accuracy


def test_many_classes_and_rows_without_a_judgement_or_score() -> None:
    labels = np.random.default_rng(1).integers(0, 12, 900)
    order = np.random.default_rng(3).permutation(12)
    probabilities = answers(labels, 12, 0.8)[:, order]
    unjudged = np.where(np.arange(900) % 3 == 0, -1, labels)
    probabilities[1] = np.nan
    assert fit_order(unjudged, probabilities).order == tuple(order)


def test_labels_of_one_class_tell_nothing() -> None:
    assert fit_order(np.ones(20, np.int64), np.full((20, 2), 0.5)) is None
    assert fit_order(np.full(20, -1), np.full((20, 2), 0.5)) is None
