"""What a header reads, against a float64 reading in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tmkd.models.pooling import cls_pool, masked_mean, match_pool, text_masks

RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(2, 9, 4))
BERT = ([101, 7, 8, 102, 9, 10, 11, 102, 0], [1, 1, 1, 1, 1, 1, 1, 1, 0], 102, [0, 101, 102, 103])
ROBERTA = ([0, 7, 8, 2, 2, 9, 10, 11, 2], [1] * 9, 2, [0, 1, 2, 4])


def mean(rows: np.ndarray) -> np.ndarray:
    return rows.sum(0) / len(rows)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.sqrt((vector**2).sum())


def test_cls_is_the_first_token() -> None:
    np.testing.assert_array_equal(cls_pool(torch.tensor(HIDDEN)).numpy(), HIDDEN[:, 0])


def test_mean_is_over_the_tokens_of_the_mask_only() -> None:
    mask = torch.tensor([[1, 1, 1, 0, 0, 0, 0, 0, 0], [1] * 9])
    expected = np.stack([mean(HIDDEN[0, :3]), mean(HIDDEN[1])])
    np.testing.assert_allclose(masked_mean(torch.tensor(HIDDEN), mask).numpy(), expected, rtol=1e-12)


def test_the_mean_of_no_tokens_is_zero_and_no_nan() -> None:
    assert masked_mean(torch.tensor(HIDDEN), torch.zeros(2, 9, dtype=torch.int64)).eq(0).all()


@pytest.mark.parametrize(("ids", "mask", "sep", "special"), [BERT, ROBERTA], ids=["bert", "roberta"])
def test_question_and_passage_are_told_apart_by_the_first_separator(ids, mask, sep, special) -> None:
    question, passage = text_masks(torch.tensor([ids]), torch.tensor([mask]), sep, special)
    assert [token for token, inside in zip(ids, question[0], strict=True) if inside] == [7, 8]
    assert [token for token, inside in zip(ids, passage[0], strict=True) if inside] == [9, 10, 11]


def test_padding_belongs_to_neither_text_even_where_no_special_token_marks_it() -> None:
    ids, mask, sep, _ = BERT
    _, passage = text_masks(torch.tensor([ids]), torch.tensor([mask]), sep, [101, 102])
    assert passage[0].tolist() == [False] * 4 + [True] * 3 + [False] * 2


def test_match_features_equal_their_formula() -> None:
    question = np.array([[0, 1, 1, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 0]], dtype=bool)
    passage = np.array([[0, 0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1, 0]], dtype=bool)
    features, cosine = match_pool(torch.tensor(HIDDEN), torch.tensor(question), torch.tensor(passage))
    for row in range(2):
        q, p = (unit(mean(HIDDEN[row][mask[row]])) for mask in (question, passage))
        expected = np.concatenate([np.sqrt(4) * q * p, np.sqrt(4) * np.abs(q - p), HIDDEN[row, 0]])
        np.testing.assert_allclose(features[row].numpy(), expected, rtol=1e-12)
        np.testing.assert_allclose(cosine[row].item(), q @ p, rtol=1e-12)


def test_a_text_without_tokens_matches_nothing() -> None:
    nothing, all_tokens = torch.zeros(2, 9, dtype=torch.bool), torch.ones(2, 9, dtype=torch.bool)
    features, cosine = match_pool(torch.tensor(HIDDEN), nothing, all_tokens)
    assert cosine.eq(0).all() and features.isfinite().all()
