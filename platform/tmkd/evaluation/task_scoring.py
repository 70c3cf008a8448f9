"""Contract between the scorer and a task: how its finished models are loaded, what they read and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from transformers import PreTrainedTokenizerBase

from tmkd.runtimes.host import Host
from tmkd.runtimes.scored import Scored
from tmkd.text.features import Ragged
from tmkd.text.text_view import WHOLE, TextView
from tmkd.text.tokens import MAX_CACHED_TOKENS, TokenCache

Pairs = Sequence[tuple[str, str]]
Views = tuple[TextView, TextView]
Output = TypeVar("Output")
WHOLE_TEXTS: Views = (WHOLE, WHOLE)


@dataclass(frozen=True)
class TextLimits:
    """How much of its texts a finished student reads.

    Attributes:
        max_length: tokens of an input, special tokens included.
        max_question_tokens: spans only: tokens of a question.
        overlap: spans only: tokens that a window of a long context shares with the one before.
    """

    max_length: int
    max_question_tokens: int = 64
    overlap: int = 128

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> TextLimits:
        """Return the limits that a folder's tokenizer was saved with; training writes what the student has learned."""
        return cls(min(tokenizer.model_max_length, MAX_CACHED_TOKENS))


@dataclass(frozen=True)
class Rows:
    """Token columns of n rows.

    Attributes:
        question: tokens of n questions, without special tokens.
        text: tokens of n passages or contexts.
        places: spans only: first character of every token of the contexts, and the one after its last.
    """

    question: Ragged
    text: Ragged
    places: tuple[Ragged, Ragged] | None = None


class Model(Protocol):
    """A loaded model, such as `tmkd.teachers.base.Teacher`."""

    @property
    def parameter_count(self) -> int:
        """Weights of the model."""

    def score(self, question: Ragged, passage: Ragged) -> Scored[Any]:
        """Return raw scores of n rows."""


@dataclass(frozen=True)
class TaskScoring(Generic[Output]):
    """The part of a task that differs where finished models are scored; functions of a module, so that it pickles.

    Attributes:
        title: of the progress bar.
        head: end of the class that ``config.json`` names in ``architectures``, by which a folder is known.
        load: folder, its tokenizer, limits, host -> the loaded student.
        of_texts: tokenizer, (question, text) pairs, how both are read -> their token columns.
        of_shard: cache, split, shard -> the shard's token columns.
        output: model, raw scores and rows of each shard -> scores of all rows.
    """

    title: str
    head: str
    load: Callable[[Path, PreTrainedTokenizerBase, TextLimits, Host], Model]
    of_texts: Callable[[PreTrainedTokenizerBase, Pairs, Views], Rows]
    of_shard: Callable[[TokenCache, str, str], Rows]
    output: Callable[[Any, Iterable[tuple[Any, Rows]]], Output]
