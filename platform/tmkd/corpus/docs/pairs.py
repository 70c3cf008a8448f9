"""From docstrings to pairs: a question beside its own passage and beside others, easy and hard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tmkd.corpus.docs.config import Difficulty, NegativesConfig
from tmkd.corpus.docs.parse import Entry
from tmkd.corpus.hashing import seeded_hash
from tmkd.corpus.ranking import Ranker


class Pair(NamedTuple):
    """One row of a corpus shard with its golden label (1 = the question's own passage)."""

    source_id: str
    question_id: str
    question: str
    passage: str
    rank: int
    label: int


class PairMaker:
    """Makes the pairs of one split: negatives come from the split's own passages, through its own BM25 index.

    A pair depends on (seed, split's entries, question) alone, so asking for more questions changes no earlier pair.
    """

    def __init__(self, entries: Sequence[Entry], config: NegativesConfig, seed: int) -> None:
        self._entries = entries
        self._places = {entry.key: place for place, entry in enumerate(entries)}
        self._ranker = Ranker([entry.passage for entry in entries])
        self._config = config
        self._seed = seed

    def unlabeled(self, entry: Entry) -> list[Pair]:
        """Return the question with its own passage and one negative of each ``negatives.unlabeled`` kind."""
        return self._pairs(entry, self._config.unlabeled)

    def labelled(self, entry: Entry, turn: int) -> list[Pair]:
        """Return the question with its own passage and one negative; its kind is number ``turn`` of the cycle."""
        kinds = self._config.labelled
        return self._pairs(entry, [kinds[turn % len(kinds)]])

    def _pairs(self, entry: Entry, kinds: Sequence[Difficulty]) -> list[Pair]:
        own = self._places[entry.key]
        scores = self._ranker.scores(entry.question)
        scores[own] = -np.inf  # ranks count the others only; its own passage has rank 0
        pairs = [Pair(f"{entry.key}~own", entry.key, entry.question, entry.passage, 0, 1)]
        used = {own}
        for kind in kinds:
            window = self._window(kind, scores)
            chosen = _pick(window, used, seeded_hash(self._seed, kind, entry.key))
            if chosen is None:
                continue
            used.add(chosen)
            passage, rank = self._entries[chosen].passage, self._ranker.place(scores, chosen) + 1
            pairs.append(Pair(f"{entry.key}~{kind}", entry.key, entry.question, passage, rank, 0))
        return pairs

    def _window(self, kind: Difficulty, scores: npt.NDArray[np.float32]) -> Sequence[int]:
        """Return the passages a kind may choose from; its window is clipped where a split is that small."""
        others = len(scores) - 1
        if kind == "random" or others < 1:
            return range(len(scores))
        first, last = getattr(self._config, kind)
        last = min(last, others)
        return [int(place) for place in self._ranker.order(scores, last)[min(first, last) - 1 :]]


def _pick(window: Sequence[int], used: set[int], number: int) -> int | None:
    """Return the member of a window that a number stands for, or the next one that is not used yet."""
    for step in range(len(window)):
        chosen = window[(number + step) % len(window)]
        if chosen not in used:
            return chosen
    return None
