"""Exact match and F1 of answers in scripts without blanks between words, beside SQuAD's own (`span_scores`).

As MLQA (Lewis et al., ACL 2020) and CMRC 2018 (Cui et al., EMNLP 2019) count: every character of such a script is a
token, and what stands between them is split at blanks. Text is compared in lower case, in compatibility form
(full-width letters and digits become the usual ones) and without the punctuation of any script.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Sequence

from tmkd.text.span_scores import f1, overlap

SHARE = 0.1
"""Share of the answers in such scripts from which on the character scores are shown."""

_SCRIPTS = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u0f00-\u0fff"  # Tibetan
    "\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff"  # Myanmar
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b"  # CJK radicals, marks and numerals
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese kana
    "\u3100-\u312f\u31a0-\u31bf"  # Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # CJK ideographs
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"  # their supplements
    "\ua000-\ua4cf"  # Yi
)
_CHARACTER = re.compile(f"[{_SCRIPTS}]")
_TOKEN = re.compile(rf"[{_SCRIPTS}]|[^\s{_SCRIPTS}]+")


def has_no_blanks(text: str) -> bool:
    """Return whether a text holds a character of a script without blanks between words."""
    return _CHARACTER.search(text) is not None


def are_without_blanks(texts: Iterable[str]) -> bool:
    """Return whether enough texts are in such scripts for the character scores to be shown."""
    found = [has_no_blanks(text) for text in texts if text]
    return bool(found) and sum(found) >= SHARE * len(found)


def character_tokens(text: str) -> list[str]:
    """Return the tokens that answers are compared by.

    Example:
        >>> character_tokens("公元２０１０年，在 New York。")
        ['公', '元', '2010', '年', '在', 'new', 'york']
    """
    usual = unicodedata.normalize("NFKC", text).lower()
    kept = "".join(character for character in usual if not _is_punctuation(character))
    tokens: list[str] = []
    for token in _TOKEN.findall(kept):
        if tokens and len(token) == 1 and unicodedata.category(token).startswith("M"):
            tokens[-1] += token  # a vowel sign or tone mark belongs to the letter before
        else:
            tokens.append(token)
    return tokens


def character_exact_match(prediction: str, references: Sequence[str]) -> float:
    """Return 1.0 if the prediction's tokens are those of a reference, else 0.0.

    Args:
        prediction: the answer given; empty for "there is none".
        references: legal answers; none (or none with a token in it) where the question has no answer.
    """
    said = character_tokens(prediction)
    return float(any(said == wanted for wanted in _legal(references)))


def character_f1(prediction: str, references: Sequence[str]) -> float:
    """Return the F1 of the tokens shared with the best reference, in [0, 1]; arguments as above.

    Example:
        >>> character_f1("长城。", ["万里长城"])
        0.6666666666666666
    """
    said = character_tokens(prediction)
    return max(overlap(said, wanted) for wanted in _legal(references))


def shares_nothing(answer: str, references: Sequence[str]) -> bool:
    """Return whether an answer has no word, and in scripts without blanks no character, of any reference."""
    if f1(answer, references):
        return False
    without_blanks = has_no_blanks(answer) and any(map(has_no_blanks, references))
    return not without_blanks or not character_f1(answer, references)


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _legal(references: Sequence[str]) -> list[list[str]]:
    return [tokens for tokens in map(character_tokens, references) if tokens] or [[]]
