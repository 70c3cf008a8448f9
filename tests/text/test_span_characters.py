"""Answers in scripts without blanks, against plain readings of how MLQA and CMRC 2018 score them."""

from __future__ import annotations

import random
import string
import sys
import unicodedata
from collections import Counter

import pytest

from tmkd.text.span_characters import (
    are_without_blanks,
    character_exact_match,
    character_f1,
    character_tokens,
    has_no_blanks,
    shares_nothing,
)
from tmkd.text.span_scores import exact_match, f1

PUNCTUATION = {chr(i) for i in range(sys.maxunicode) if unicodedata.category(chr(i))[0] == "P"} | {*string.punctuation}


def mlqa_tokens(text: str) -> list[str]:
    """Tokens of a Chinese answer as MLQA has them: ideographs one by one, what is between them split at blanks."""
    tokens, run = [], ""
    for character in "".join(c for c in text.lower() if c not in PUNCTUATION):
        if "\u4e00" <= character <= "\u9fa5":
            tokens += [*run.split(), character]
            run = ""
        else:
            run += character
    return [*tokens, *run.split()]


def mlqa_scores(said: str, references: list[str]) -> tuple[float, float]:
    """Exact match and F1 of MLQA's script, the best of the references."""
    exact, best, mine = 0.0, 0.0, mlqa_tokens(said)
    for reference in references:
        theirs = mlqa_tokens(reference)
        exact = max(exact, float(mine == theirs))
        same = sum((Counter(mine) & Counter(theirs)).values())
        if same:
            precision, recall = same / len(mine), same / len(theirs)
            best = max(best, 2 * precision * recall / (precision + recall))
    return exact, best


def cmrc_f1(said: str, reference: str) -> float:
    """F1 of CMRC's script: of the longest run of tokens that both share."""
    mine, theirs = mlqa_tokens(said), mlqa_tokens(reference)
    longest = max(
        size
        for size in range(min(len(mine), len(theirs)) + 1)
        if any(mine[i : i + size] == theirs[j : j + size]
               for i in range(len(mine) - size + 1) for j in range(len(theirs) - size + 1))
    )  # fmt: skip
    return 2 * longest / (len(mine) + len(theirs)) if longest else 0.0


def test_random_answers_score_as_mlqa_does() -> None:
    rng = random.Random(0)
    pieces = [*"万里长城是中国古代工程北京", *"，。、《》！", "Apple", " iPhone ", "2010", " the ", "-", "年"]
    for _ in range(2000):
        said, *references = ("".join(rng.choices(pieces, k=rng.randint(1, 9))) for _ in range(3))
        if not any(map(mlqa_tokens, references)) or not mlqa_tokens(said):
            continue  # answers of punctuation alone: here "there is none"
        legal = [text for text in references if mlqa_tokens(text)]
        exact, best = mlqa_scores(said, legal)
        assert character_exact_match(said, references) == exact
        assert character_f1(said, references) == pytest.approx(best)


def test_a_span_within_the_answer_scores_as_cmrc_does() -> None:
    """Where one answer is part of the other, the longest shared run is all that is shared."""
    text = "长城位于中国北方山脉之上，由许多朝代修建而成"
    for start in range(0, 12, 3):
        for end in range(start + 2, len(text), 3):
            part = text[start:end]
            assert character_f1(part, [text]) == pytest.approx(cmrc_f1(part, text))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("公元２０１０年，在 New York。", ["公", "元", "2010", "年", "在", "new", "york"]),
        ("ＡＢＣ－１２", ["abc12"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("ﾀﾜｰ", ["タ", "ワ", "ー"]),
        ("กี่วัน", ["กี่", "วั", "น"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("서울 특별시", ["서울", "특별시"]),
        ("¿Qué? «sí»", ["qué", "sí"]),
        ("", []),
    ],
)  # fmt: skip
def test_tokens(text: str, tokens: list[str]) -> None:
    assert character_tokens(text) == tokens


def test_a_stop_at_the_end_costs_nothing_and_squad_s_scores_stay_what_they_are() -> None:
    assert character_exact_match("万里长城。", ["万里长城"]) == character_f1("万里长城。", ["万里长城"]) == 1
    assert exact_match("万里长城。", ["万里长城"]) == f1("万里长城。", ["万里长城"]) == 0
    assert character_f1("长城", ["万里长城"]) == pytest.approx(2 / 3)
    assert character_exact_match("", []) == character_f1("", ["。"]) == 1
    assert character_exact_match("长城", []) == character_f1("长城", []) == 0


def test_where_characters_are_counted() -> None:
    assert has_no_blanks("the 長城") and not has_no_blanks("Großmutter мир 서울 سلام")
    assert are_without_blanks(["长城", "Denver"]) and not are_without_blanks(["长城", *["Denver"] * 20])
    assert not are_without_blanks([]) and not are_without_blanks([""])


def test_an_answer_that_overlaps_by_characters_shares_something() -> None:
    assert not shares_nothing("长城", ["万里长城"]) and shares_nothing("北京", ["万里长城"])
    assert shares_nothing("Panthers", ["Denver Broncos"]) and not shares_nothing("the Broncos", ["Denver Broncos"])
    assert shares_nothing("\u201cBroncos\u201d", ["Broncos"])  # as SQuAD has it: curly quotes are letters there
