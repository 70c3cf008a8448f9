"""Scores of one tokenizer's tokens on another's: the same places in the text, no probability lost."""

from __future__ import annotations

import numpy as np
import pytest

from tiny_teachers import bert_tokenizer, bpe_tokenizer
from tmkd.text.span_projection import Grid, project

CONTEXT = "the  quick brown fox, (1987) Straße Zürich \U0001f600 unbelievable  end"


def grid(tokenizer, text: str = CONTEXT) -> Grid:
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return Grid(*np.array(offsets, dtype=np.int64).T)


def words(text: str = CONTEXT) -> Grid:
    """Blank-separated words, as a reader over word vectors has them."""
    places, start = [], 0
    for word in text.split(" "):
        places.append((start, start + len(word)))
        start += len(word) + 1
    return Grid(*np.array([place for place in places if place[0] < place[1]], dtype=np.int64).T)


GRIDS = {
    "wordpiece": grid(bert_tokenizer()),
    "byte-level": grid(bpe_tokenizer(roberta=True)),
    "gpt": grid(bpe_tokenizer(roberta=False)),
    "words": words(),
}


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(axis=0))
    return exp / exp.sum(axis=0)


@pytest.mark.parametrize("name", GRIDS)
def test_on_an_equal_grid_the_logits_are_equal_but_for_bytes_of_one_character_and_for_blanks(name: str) -> None:
    here = GRIDS[name]
    logits = np.random.default_rng(0).normal(size=(len(here), 2)).astype(np.float32)
    found = project(logits, here, here)
    twins = (here.starts[1:] == here.starts[:-1]) & (here.ends[1:] == here.ends[:-1])
    blank = here.starts == here.ends  # its scores go to the words beside it
    shared = np.append(twins | blank[1:], False) | np.insert(twins | blank[:-1], 0, False) | blank
    alone = ~shared
    np.testing.assert_allclose(found[alone], logits[alone], rtol=1e-6)
    assert alone.all() == (name in ("wordpiece", "words"))


@pytest.mark.parametrize("source", GRIDS)
@pytest.mark.parametrize("target", GRIDS)
def test_no_probability_is_lost_and_it_stays_at_its_place_in_the_text(source: str, target: str) -> None:
    here, there = GRIDS[source], GRIDS[target]
    logits = np.random.default_rng(1).normal(scale=3, size=(len(here), 2)).astype(np.float32)
    found = project(logits, here, there)
    assert not np.isnan(found).any() and (found < np.inf).all()
    p, q = softmax(logits), softmax(found)
    np.testing.assert_allclose(q.sum(axis=0), 1, rtol=1e-5)
    for token in range(len(there)):
        begun = [t for t in range(len(here)) if there.starting(here.starts[t : t + 1])[0] == token]
        assert q[token, 0] == pytest.approx(p[begun, 0].sum(), abs=1e-6)
    for bound in there.starts[there.starts > 0]:  # cumulated up to any border of the target's tokens
        before = p[here.starts < bound, 0].sum()
        gap = p[(here.starts < bound) & (there.starts[there.starting(here.starts)] >= bound), 0].sum()
        assert q[there.starts < bound, 0].sum() == pytest.approx(before - gap, abs=1e-5)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize(
    "answer", ["quick", "quick brown", "1987", "Straße Zürich", "\U0001f600", "unbelievable", CONTEXT]
)
def test_an_answer_s_tokens_hold_it_and_no_token_more(name: str, answer: str) -> None:
    here = GRIDS[name]
    start = CONTEXT.index(answer)
    first, last = here.span(start, start + len(answer))
    assert here.starts[first] <= start < here.ends[first] or not CONTEXT[start : here.starts[first]].strip()
    assert here.starts[last] < start + len(answer) <= here.ends[last]
    assert first == 0 or here.ends[first - 1] <= start
    assert last == len(here) - 1 or here.starts[last + 1] >= start + len(answer)


def test_what_has_no_token_has_no_span() -> None:
    here = Grid(np.array([0, 5]), np.array([3, 8]))
    assert here.span(3, 5) is None and here.span(8, 9) is None and here.span(2, 2) is None
    assert here.span(0, 4) == (0, 0) and here.span(4, 6) == (1, 1) and here.span(2, 6) == (0, 1)
    assert Grid(np.zeros(0, np.int64), np.zeros(0, np.int64)).span(0, 1) is None


def test_a_finer_grid_gets_scores_only_where_the_coarser_one_has_borders() -> None:
    coarse, fine = Grid(np.array([0, 4]), np.array([3, 8])), Grid(np.arange(8), np.arange(1, 9))
    found = project(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), coarse, fine)
    assert found[[0, 4], 0].tolist() == [1.0, 3.0] and found[[2, 7], 1].tolist() == [2.0, 4.0]
    assert np.isneginf(found[[1, 2, 3, 5, 6, 7], 0]).all() and np.isneginf(found[[0, 1, 3, 4, 5, 6], 1]).all()
    back = project(found, fine, coarse)
    np.testing.assert_allclose(back, [[1.0, 2.0], [3.0, 4.0]])
