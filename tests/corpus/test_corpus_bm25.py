from __future__ import annotations

import numpy as np

from tmkd.corpus.dedupe import NearDuplicates
from tmkd.corpus.ranking import Ranker

PASSAGES = ["a red apple", "a green apple and a red pear", "blue sky", "red red red apple", "the of and", "blue sea"]


def test_matches_share_a_word_and_come_best_first():
    ranker = Ranker(PASSAGES)
    found = ranker.matches("red apple", 10)
    scores = ranker.scores("red apple")
    assert set(found) == {0, 1, 3}
    assert list(scores[found]) == sorted(scores[found], reverse=True)
    assert len(ranker.matches("quantum", 10)) == 0
    assert len(ranker.matches("the of", 10)) == 0


def test_order_is_the_head_of_the_whole_order_with_ties_as_given():
    ranker = Ranker(["same words"] * 5 + PASSAGES)
    scores = ranker.scores("same red")
    whole = ranker.order(scores, len(ranker))
    assert list(whole) == list(np.argsort(-scores, kind="stable"))
    for depth in range(len(ranker) + 3):
        assert list(ranker.order(scores, depth)) == list(whole[:depth])
    assert [ranker.place(scores, index) for index in whole] == list(range(len(ranker)))


def test_nothing_to_rank():
    assert len(Ranker([]).matches("anything", 5)) == 0
    assert len(Ranker(["the", ""]).matches("anything", 5)) == 0


def test_near_duplicates():
    words = [f"word{number}" for number in range(60)]
    near = NearDuplicates(0.7)
    assert not near.repeats(" ".join(words))
    assert near.repeats(" ".join([*words[:-1], "other"]))
    assert not near.repeats(" ".join(words[::-1]))
    assert not near.repeats("short")
    assert near.repeats("Short")
