import numpy as np
import pyarrow as pa

from tmkd.evaluation.questions import has_rivals, question_codes, ranks


def test_codes_follow_the_order_of_appearance_whatever_the_container():
    ids = ["b", "a", "b", "c"]
    column = pa.chunked_array([["b", "a"], ["b", "c"]])
    for container in (ids, np.array(ids), np.array(ids, dtype=object), pa.array(ids), column):
        assert question_codes(container).tolist() == [0, 1, 0, 2]


def test_ranks_are_places_among_the_candidates_of_a_question():
    codes = np.array([0, 1, 0, 1, 0])
    assert ranks(np.array([0.1, 0.9, 0.3, 0.2, 0.2]), codes).tolist() == [2, 0, 0, 1, 1]


def test_equal_scores_favour_no_place_in_the_file():
    questions, size = 4000, 5
    codes = np.repeat(np.arange(questions), size)
    places = ranks(np.full(len(codes), 0.5), codes).reshape(questions, size)
    assert np.sort(places, axis=1).tolist() == [list(range(size))] * questions
    assert np.abs(places.mean(axis=0) - (size - 1) / 2).max() < 0.1


def test_equal_scores_are_ordered_by_id_not_by_position():
    rng = np.random.default_rng(0)
    ids, codes = rng.permutation(1000), np.repeat(np.arange(100), 10)
    shuffle = rng.permutation(1000)
    places = ranks(np.zeros(1000), codes, ids)
    assert np.array_equal(ranks(np.zeros(1000), codes[shuffle], ids[shuffle]), places[shuffle])


def test_rivals():
    assert has_rivals(np.array([0, 1, 1]))
    assert not has_rivals(np.array([0, 1, 2]))
    assert not has_rivals(np.array([], dtype=int))
