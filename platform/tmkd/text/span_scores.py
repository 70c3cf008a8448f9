"""Exact match and F1 of answer texts, as SQuAD defines them (Rajpurkar et al., EMNLP 2016 and ACL 2018).

Both compare normalised answers: lower case, without punctuation, articles and repeated blanks. A question counts with
its best reference; one without an answer has the empty text as its only reference.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Return an answer as the scores compare it.

    Example:
        >>> normalize_answer("The  Denver Broncos!")
        'denver broncos'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the prediction equals a reference, else 0.0.

    Args:
        prediction: the answer given; empty for "there is none".
        references: legal answers; none (or none with a word in it) where the question has no answer.
    """
    said = normalize_answer(prediction)
    return float(any(said == normalize_answer(reference) for reference in _legal(references)))


def f1(prediction: str, references: Sequence[str]) -> float:
    """Return the F1 of the words shared with the best reference, in [0, 1].

    Args:
        prediction: the answer given; empty for "there is none".
        references: legal answers; none (or none with a word in it) where the question has no answer.

    Example:
        >>> f1("Denver Broncos", ["the Broncos"])
        0.6666666666666666
    """
    said = normalize_answer(prediction).split()
    return max(overlap(said, normalize_answer(reference).split()) for reference in _legal(references))


def _legal(references: Sequence[str]) -> Sequence[str]:
    return [reference for reference in references if normalize_answer(reference)] or [""]


def overlap(said: list[str], wanted: list[str]) -> float:
    """Return the F1 of two bags of tokens."""
    if not said or not wanted:  # no answer: right or wrong, nothing between
        return float(said == wanted)
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted))
