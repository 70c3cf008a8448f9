"""More candidates for a question: the passages that BM25 ranks best, without those it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from tmkd.console import Bar, warn
from tmkd.corpus.config import MiningConfig
from tmkd.corpus.files.cutting import cut_for
from tmkd.corpus.hashing import Hashes
from tmkd.corpus.ranking import Ranker

FEW_CANDIDATES = 1.5
BATCH_QUESTIONS = 1000
NO_WORD = "hold no word to look up"
NO_SHARED_WORD = "share no word with any passage"
NO_OTHER = "share words with their own passages only"


@dataclass
class _Question:
    source_id: str
    text: str
    own: list[str] = field(default_factory=list)


class Mine:
    """The questions and passages of a split, in memory (mining needs them all at once)."""

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}
        self._passages: dict[str, None] = {}
        self.without: Counter[str] = Counter()
        """Questions for which no passage was found, by reason; filled by `candidates`."""

    @property
    def questions(self) -> int:
        """How many different questions were added."""
        return len(self._questions)

    def add(self, rows: pa.Table) -> None:
        """Remember rows with the columns ``source_id, question_id, question, passage``."""
        names = ("source_id", "question_id", "question", "passage")
        for source_id, question_id, text, passage in zip(*(rows[name].to_pylist() for name in names), strict=True):
            question = self._questions.setdefault(question_id, _Question(source_id, text))
            question.own.append(passage)
            self._passages[passage] = None

    def candidates(self, config: MiningConfig, passages: list[str] | None, bar: Bar) -> Iterator[dict[str, list[Any]]]:
        """Yield columns of new pairs; ranks go on after the candidates a question has.

        Args:
            config: how many new passages a question gets at most, and the tokenizer that finds words.
            passages: what to choose from; None = the passages of the split itself.
            bar: advanced by questions.

        Raises:
            UserError: if the tokenizer cannot be loaded.
        """
        pool, top = passages if passages is not None else list(self._passages), config.top
        asked = (question.text for question in self._questions.values())
        ranker = Ranker(pool, cut_for(chain(pool, asked), config.tokenizer))
        rows: list[tuple[Any, ...]] = []
        for number, (question_id, question) in enumerate(self._questions.items(), 1):
            own = set(question.own)
            best = (pool[place] for place in ranker.matches(question.text, top + len(own)))
            mined = [passage for passage in best if passage not in own][:top]
            if not mined:
                self.without[_why_none(ranker, question)] += 1
            for place, passage in enumerate(mined, 1):
                key = f"{question.source_id}~mined-{place}"
                rows.append((key, question_id, question.text, passage, len(question.own) + place - 1))
            bar.advance()
            if rows and (number % BATCH_QUESTIONS == 0 or number == len(self._questions)):
                yield _columns(rows)
                rows = []
        if rows:
            yield _columns(rows)


def report_without(mine: Mine, split: str) -> None:
    """Print for how many questions of a split nothing was found, and why."""
    unknown = mine.without[NO_WORD] + mine.without[NO_SHARED_WORD]
    if not unknown:
        return
    reasons = ", ".join(f"{mine.without[reason]:,} {reason}" for reason in (NO_WORD, NO_SHARED_WORD))
    warn(
        f"{split}: BM25 found no passage for {unknown:,} of {mine.questions:,} questions ({reasons}); are questions "
        "and passages in one language? corpus.mining.tokenizer names a Hugging Face tokenizer that cuts their words"
    )


def _why_none(ranker: Ranker, question: _Question) -> str:
    if not ranker.words(question.text):
        return NO_WORD
    return NO_OTHER if ranker.scores(question.text).any() else NO_SHARED_WORD


def is_wanted(config: MiningConfig, groups: Hashes) -> bool:
    """Tell whether a split's questions need candidates: ``auto`` looks at how many they have on average."""
    if config.enabled != "auto":
        return config.enabled
    return len(groups) > 0 and len(groups) / len(np.unique(groups)) < FEW_CANDIDATES


def _columns(rows: list[tuple[Any, ...]]) -> dict[str, list[Any]]:
    names = ("source_id", "question_id", "question", "passage", "rank")
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
