"""From a raw docstring to a question and a passage, or to the reason why it gives none."""

from __future__ import annotations

import inspect
import re
from typing import NamedTuple

MIN_CONTENT_WORDS = 4
MAX_QUESTION_WORDS = 30
MIN_PASSAGE_WORDS = 15
MAX_PASSAGE_WORDS = 80

STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "may",
        "not",
        "of",
        "on",
        "or",
        "our",
        "so",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "up",
        "was",
        "we",
        "were",
        "when",
        "where",
        "which",
        "will",
        "with",
        "you",
        "your",
    ]
)

_CUT_HEADINGS = "examples?|usage|usage examples?|example usage|see also|references?|notes?|warnings?|todo|citations?"
_CUT = re.compile(
    r"^\s*(?:>>>|```|~~~|\.\.\s*(?:code|code-block|sourcecode|doctest|testcode|plot|ipython|note|seealso|warning"
    r"|tip|hint|rubric|admonition|math|figure|image|table|list-table|csv-table|\[\w+\])\b"
    rf"|In \[\d+\]:|(?:#+\s*)?(?:{_CUT_HEADINGS})\s*:{{0,2}}\s*$|(?:{_CUT_HEADINGS}):)",
    re.IGNORECASE | re.MULTILINE,
)
_LITERAL_BLOCK = re.compile(r"::[ \t]*\n")
_DIRECTIVE = re.compile(r"^\s*\.\.(?:\s.*)?$", re.MULTILINE)
_RULE = re.compile(r"^[\s=\-~^\"'`#*+_.|]{3,}$", re.MULTILINE)
_TYPE_FIELD = re.compile(r"^\s*:r?type\b.*$", re.MULTILINE)
_FIELD = re.compile(r"^\s*[:@](?:param|parameter|arg|argument|keyword|ivar|cvar|var)\b", re.MULTILINE)
_OUTCOME = re.compile(r"^\s*[:@](returns?|raises?|yields?)\b", re.MULTILINE)
_ROLE = re.compile(r":[A-Za-z][\w:+-]*:`([^`]*)`")
_LINK = re.compile(r"\[([^\]\n]{1,500})\]\([^)\s]{0,2000}\)")  # bounds keep long texts from taking quadratic time
_REFERENCE = re.compile(r"`([^`]+)`__?\b")
_TARGET = re.compile(r"\s*<[^<>\s]+>(?=`)")
_URL = re.compile(r"<?\b(?:https?|ftp)://[^\s>)\]]+>?")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,3}(?=[^\s*])([^*\n]+?)\*{1,3}(?![\w*])")
_MARKS = re.compile(r"[`|{}\\]|\[\d+\]_?|<[/\w][^<>]{0,40}>")
_BRACKETED = re.compile(r"\[\s*([\w.()]+)\s*\]")
_LOOSE = re.compile(r"\s+(?=[.,;:!?)](?:\s|$))")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+", re.MULTILINE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]+")


class Texts(NamedTuple):
    """One usable docstring."""

    question: str
    passage: str


def humanise(symbol: str) -> str:
    """Return a symbol as words: ``QuantileTransformer.fit_transform`` → ``quantile transformer fit transform``."""
    return " ".join(_CAMEL.sub(" ", symbol.replace(".", " ").replace("_", " ")).lower().split())


def strip_markup(text: str) -> str:
    """Return the plain words of reStructuredText, Markdown or epytext, on one line."""
    text = _DIRECTIVE.sub("", text)
    text = _RULE.sub("", text)
    text = _TYPE_FIELD.sub("", text)
    text = _FIELD.sub(" ", text)
    text = _OUTCOME.sub(r"\1", text)
    text = _ROLE.sub(_role_name, text)
    text = _LINK.sub(r"\1", text)
    text = _URL.sub("", text)
    text = _REFERENCE.sub(r"\1", _TARGET.sub("", text))
    text = _BULLET.sub("", text)
    text = _EMPHASIS.sub(r"\1", text)
    text = _BRACKETED.sub(r"\1", _MARKS.sub(" ", text))
    return _LOOSE.sub("", " ".join(text.split()))


def split_docstring(docstring: str) -> tuple[str, str]:
    """Return (summary, body): the first paragraph, and the rest up to its first example, note or reference."""
    text = inspect.cleandoc(docstring)
    summary, _, body = text.partition("\n\n")
    cut = _CUT.search(body)
    body = body[: cut.start()] if cut else body
    literal = _LITERAL_BLOCK.search(body)
    return strip_markup(summary), strip_markup(body[: literal.start()] if literal else body)


def content_words(text: str) -> set[str]:
    """Return the distinct lower-case words of two letters or more that are no stopwords."""
    return {word for word in _WORD.findall(text.lower()) if word not in STOPWORDS}


def question_and_passage(symbol: str, docstring: str) -> Texts | str | None:
    """Turn a docstring into a question and a passage.

    Args:
        symbol: name inside its module, such as ``QuantileTransformer.fit_transform``.
        docstring: as written in the source.

    Returns:
        The texts; or the reason why they are of no use; or None where there is no summary or no body at all.
    """
    summary, body = split_docstring(docstring)
    if not summary or not body:
        return None
    question = f"{humanise(symbol)}: {summary}"
    if len(content_words(question)) < MIN_CONTENT_WORDS:
        return f"question of fewer than {MIN_CONTENT_WORDS} content words"
    if len(question.split()) > MAX_QUESTION_WORDS:
        return f"question of more than {MAX_QUESTION_WORDS} words"
    words = body.split()
    if len(words) < MIN_PASSAGE_WORDS:
        return f"passage of fewer than {MIN_PASSAGE_WORDS} words"
    return Texts(question, " ".join(words[:MAX_PASSAGE_WORDS]))


def _role_name(match: re.Match[str]) -> str:
    """Return what a reader sees of a role: its title, or the last part of a name marked ``~``."""
    title = match.group(1).split("<")[0].strip() or match.group(1).strip("<>")
    return title.rsplit(".", 1)[-1] if title.startswith("~") else title.lstrip("!")
