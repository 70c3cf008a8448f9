"""Exact match and F1 by hand-made cases and by what must hold for any answer."""

from __future__ import annotations

import random

import pytest

from tmkd.text.span_scores import exact_match, f1, normalize_answer


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Denver Broncos", "denver broncos"),
        ("  an   apple, a pear!", "apple pear"),
        ("Levi's Stadium", "levis stadium"),
        ("24–10", "24–10"),  # a dash that ASCII does not have is no punctuation to SQuAD
        ("24-10", "2410"),
        ("the", ""),
        ("Theatre", "theatre"),
        ("A.D. 70", "ad 70"),
    ],
)
def test_answers_are_compared_without_case_punctuation_and_articles(text: str, normal: str) -> None:
    assert normalize_answer(text) == normal


@pytest.mark.parametrize(
    ("said", "references", "em", "f"),
    [
        ("Denver Broncos", ["The Denver Broncos!"], 1, 1),
        ("Broncos", ["Denver Broncos"], 0, 2 / 3),
        ("the big Denver Broncos", ["Denver Broncos"], 0, 4 / 5),
        ("Carolina Panthers", ["Denver Broncos"], 0, 0),
        ("Santa Clara", ["Levi's Stadium", "Santa Clara, California", "Santa Clara"], 1, 1),
        ("in Santa Clara", ["Levi's Stadium", "Santa Clara, California"], 0, 2 / 3),
        ("dog dog cat", ["dog cat cat"], 0, 2 / 3),  # a word counts as often as both have it
        ("", [], 1, 1),  # rightly no answer
        ("", [""], 1, 1),
        ("something", [], 0, 0),
        ("", ["something"], 0, 0),
        ("the", ["something"], 0, 0),
        ("the", [], 1, 1),  # as SQuAD 2.0 has it: nothing is left of it
        ("x", ["the", "x"], 1, 1),  # a reference that is an article alone is none beside another
    ],
)
def test_hand_made_cases(said: str, references: list[str], em: float, f: float) -> None:
    assert exact_match(said, references) == em
    assert f1(said, references) == pytest.approx(f)


def test_what_holds_for_any_answers() -> None:
    rng = random.Random(0)
    words = ["the", "Denver", "Broncos", "won", "24-10", "in", "2016", "a"]
    for _ in range(300):
        said, *references = [" ".join(rng.choices(words, k=rng.randint(0, 5))) for _ in range(4)]
        assert 0 <= f1(said, references) <= 1
        assert exact_match(said, references) <= f1(said, references)
        assert f1(said, [*references, said]) == (
            1 if normalize_answer(said) or not any(map(normalize_answer, references)) else 0
        )
        assert f1(said, references) == f1(said, references[::-1]) == f1(f"The {said.upper()} !", references)
        if all(normalize_answer(text) for text in (said, *references)):
            assert f1(said, references) == max(f1(reference, [said]) for reference in references)
