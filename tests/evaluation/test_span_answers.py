"""Answers in words out of logits, and the ensemble of readers."""

import numpy as np
import pytest

from tmkd.evaluation.span_answers import Readings, mean_readings, question_word, span_quality, worst_of_variants
from tmkd.text.span_logits import SpanLogits
from tmkd.text.span_projection import Grid

CONTEXT = "in 1066 duke william won"
WORDS = Grid(np.array([0, 3, 8, 13, 21]), np.array([2, 7, 12, 20, 24]))
PIECES = Grid(np.array([0, 3, 5, 8, 13, 17, 21]), np.array([2, 5, 7, 12, 17, 20, 24]))


def reader(start: list[float], end: list[float], null: float = -9.0, grid: Grid = WORDS) -> Readings:
    logits = np.stack([start, end], axis=1).astype(np.float32)
    return Readings.of(SpanLogits.of([logits], np.array([null], np.float32)), [grid])


def test_the_best_span_in_words() -> None:
    said = reader([0, 0, 5, 1, 0], [0, 0, 1, 4, 0])
    assert said.answer(0, CONTEXT, 30, unanswerable=False) == "duke william"
    assert said.answer(0, CONTEXT, 1, unanswerable=False) == "duke"


def test_no_answer_counts_only_where_there_may_be_none() -> None:
    said = reader([0, 0, 5, 1, 0], [0, 0, 1, 4, 0], null=9.5)
    assert said.answer(0, CONTEXT, 30, unanswerable=False) == "duke william"
    assert said.answer(0, CONTEXT, 30, unanswerable=True) == ""
    assert reader([0, 0, 5, 1, 0], [0, 0, 1, 4, 0], null=8.5).answer(0, CONTEXT, 30, True) == "duke william"


def test_what_could_not_be_read_has_no_answer() -> None:
    nothing = Readings([np.empty((0, 2), np.float32)], [WORDS], np.array([np.nan], np.float32))
    assert nothing.answer(0, CONTEXT, 30, unanswerable=False) == ""
    sure = reader([0, 9, 0, 0, 0], [0, 9, 0, 0, 0])
    for unanswerable in (False, True):
        assert mean_readings([nothing, sure], unanswerable).answer(0, CONTEXT, 30, unanswerable) == "1066"
        assert mean_readings([nothing, nothing], unanswerable).answer(0, CONTEXT, 30, unanswerable) == ""


def test_the_ensemble_is_the_mean_of_probabilities() -> None:
    one, other = reader([1, 3, 0, 0, 0], [1, 2, 0, 0, 0], null=0.5), reader([0, 1, 4, 0, 0], [0, 0, 2, 3, 0], null=-1)

    def share(said: Readings) -> np.ndarray:
        both = np.concatenate([said.logits[0], np.full((1, 2), said.null[0] / 2)])
        return np.exp(both) / np.exp(both).sum(axis=0)

    found = mean_readings([one, other], unanswerable=True)
    expected = (share(one) + share(other)) / 2
    np.testing.assert_allclose(np.exp(found.logits[0]), expected[:-1], rtol=1e-5)
    assert found.null[0] == pytest.approx(np.log(expected[-1]).sum(), rel=1e-5)


@pytest.mark.parametrize("nulls", [(-9, -9), (12, -9), (-9, 12)])
def test_no_answer_s_score_does_not_steer_the_ensemble_where_there_always_is_one(nulls: tuple[float, float]) -> None:
    one, other = reader([0, 5, 0, 0, 0], [0, 5, 0, 0, 0], nulls[0]), reader([0, 0, 4, 0, 0], [0, 0, 0, 4, 0], nulls[1])
    found = mean_readings([one, other], unanswerable=False)
    shares = [np.exp(said.logits[0]) / np.exp(said.logits[0]).sum(axis=0) for said in (one, other)]
    np.testing.assert_allclose(np.exp(found.logits[0]), np.mean(shares, axis=0), rtol=1e-5)
    assert found.answer(0, CONTEXT, 30, unanswerable=False) == "1066"


def test_readers_of_other_tokenizers_are_heard_on_the_first_one_s_tokens() -> None:
    words = reader([0, 0, 1, 0, 0], [0, 0, 1, 0, 0])
    pieces = reader([0, 0, 0, 0, 9, 0, 0], [0, 0, 0, 0, 0, 9, 0], grid=PIECES)
    assert mean_readings([words, pieces], False).answer(0, CONTEXT, 30, False) == "william"
    assert len(mean_readings([words, pieces], False).logits[0]) == len(WORDS)


def test_scores_of_answers() -> None:
    found = span_quality(["Duke William", "1066", ""], [["the duke william", "William"], ["1067"], []])
    assert found.exact.tolist() == [1, 0, 1] and found.overlap.tolist() == [1, 0, 1]
    assert found.exact_match == pytest.approx(2 / 3) and found.f1 == pytest.approx(2 / 3)


def test_answers_in_scripts_without_blanks_are_also_scored_by_characters() -> None:
    found = span_quality(["长城。", "北京"], [["万里长城"], ["北京"]])
    assert found.exact.tolist() == [0, 1] and found.overlap.tolist() == [0, 1]  # SQuAD's own
    assert found.characters.exact.tolist() == [0, 1]
    assert found.characters.overlap.tolist() == [pytest.approx(2 / 3), 1]
    worst = worst_of_variants(found, np.array([0, 0]))
    assert worst.f1 == 0 and worst.characters.f1 == pytest.approx(2 / 3)
    assert span_quality(["duke"], [["duke"]]).characters is None


def test_the_worst_variant_of_a_question_counts() -> None:
    said, wanted = ["duke william", "duke", "a fox", "1066"], [["duke william"]] * 3 + [["1066"]]
    found = worst_of_variants(span_quality(said, wanted), np.array([0, 0, 1, 2]))
    assert found.exact.tolist() == [0, 0, 1] and found.overlap.tolist() == [pytest.approx(2 / 3), 0, 1]


@pytest.mark.parametrize(
    ("question", "word"),
    [("Who won?", "who"), ("In what year?", "what"), ("Name the duke.", "other"), ("When, and why?", "when")],
)
def test_question_words(question: str, word: str) -> None:
    assert question_word(question) == word
