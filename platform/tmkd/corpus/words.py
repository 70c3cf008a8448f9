"""Words of text whose script sets no blanks between them, or whose vowel signs end a word for a plain pattern.

Chinese, Japanese, Thai, Lao, Khmer and Burmese are cut into overlapping pairs of characters, as search engines do;
words of Devanagari, Tamil and the like are kept whole. All other text is cut exactly as `bm25s` does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import pairwise

import regex
from bm25s.tokenization import STOPWORDS_EN

Cut = Callable[[str], list[str]]
"""Cuts a text into words in lower case."""

CHARACTER = (
    r"(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30FC\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}"
    r"\p{Script=Myanmar}]\p{M}*)"
)
"""Pattern of a character, with its marks, of a script that sets no blanks between words."""
_CHARACTER = regex.compile(CHARACTER)
_SPECIAL = regex.compile(rf"(?V1){CHARACTER}|[\p{{M}}--\p{{Script=Inherited}}]")
_PART = regex.compile(rf"({CHARACTER}+)|(?:(?!{CHARACTER})[\w\p{{M}}]){{2,}}")
_PLAIN = re.compile(r"(?u)\b\w\w+\b")
_STOPWORDS = frozenset(STOPWORDS_EN)


def needs_cutting(texts: Iterable[str]) -> bool:
    """Return whether any of the texts has characters that a plain pattern cuts wrongly."""
    return any(not text.isascii() and _SPECIAL.search(text) for text in texts)


def words_of(text: str) -> list[str]:
    """Return the words of a text, without English stop words."""
    if not needs_cutting([text]):
        return [word for word in _PLAIN.findall(text.lower()) if word not in _STOPWORDS]
    words: list[str] = []
    for part in _PART.finditer(unicodedata.normalize("NFKC", text).lower()):
        words += _pairs(part[1]) if part[1] else [part[0]]
    return [word for word in words if word not in _STOPWORDS]


def separated(text: str) -> str:
    """Return a text with blanks around every character of a script that sets none; any other text as it is."""
    return text if text.isascii() else _CHARACTER.sub(r" \g<0> ", text)


def _pairs(run: str) -> list[str]:
    """Return overlapping pairs of characters, each with its marks; the character itself where it is alone."""
    characters = _CHARACTER.findall(run)
    return [first + second for first, second in pairwise(characters)] or characters
