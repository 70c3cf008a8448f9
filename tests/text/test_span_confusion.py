"""The most confusing answer."""

import numpy as np

from tmkd.text.span_confusion import confusing_answer
from tmkd.text.span_projection import Grid

CONTEXT = "the red fox saw a blue bird and the old fox"
WORDS = CONTEXT.split()
STARTS = np.array([CONTEXT.index(f" {word}") + 1 if place else 0 for place, word in enumerate(WORDS)])
STARTS[[8, 10]] = [CONTEXT.rindex("the"), CONTEXT.rindex("fox")]
GRID = Grid(STARTS, STARTS + np.array([len(word) for word in WORDS]))
GOLDEN = [{"start": 4, "text": "red fox"}]


def reader(**peaks: float) -> np.ndarray:
    """Logits of a reader that is sure, to a degree, of spans "first_last"."""
    logits = np.full((len(WORDS), 2), -5.0)
    for span, height in peaks.items():
        first, last = (int(part) for part in span.removeprefix("s").split("_"))
        logits[first, 0] = logits[last, 1] = height
    return logits


def test_the_likeliest_answer_without_a_word_in_common() -> None:
    sure = reader(s1_2=5.0, s5_6=3.0, s3_3=1.0)
    assert confusing_answer([sure], GRID, CONTEXT, GOLDEN, candidates=4) == (5, 6)


def test_answers_that_share_a_word_do_not_mislead() -> None:
    assert confusing_answer([reader(s1_2=5.0, s9_10=4.0)], GRID, CONTEXT, GOLDEN, candidates=2) is None


def test_only_the_best_candidates_count() -> None:
    sure = reader(s1_2=5.0, s5_6=3.0)
    assert confusing_answer([sure], GRID, CONTEXT, GOLDEN, candidates=1) is None


def test_of_several_readers_the_surest_speaks() -> None:
    torn, sure = reader(s1_2=3.0, s5_6=2.0), reader(s3_3=6.0)
    assert confusing_answer([torn, sure], GRID, CONTEXT, GOLDEN, candidates=4) == (3, 3)


def test_without_blanks_an_answer_that_shares_characters_does_not_mislead() -> None:
    context = "万里长城在中国北方"
    grid = Grid(np.arange(len(context)), np.arange(len(context)) + 1)
    logits = np.full((len(context), 2), -5.0)
    logits[2, 0] = logits[3, 1] = 6.0  # 长城, a part of the answer
    logits[5, 0] = logits[6, 1] = 3.0  # 中国
    golden = [{"start": 0, "text": "万里长城"}]
    assert confusing_answer([logits], grid, context, golden, candidates=4) == (5, 6)
