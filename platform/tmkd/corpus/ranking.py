"""BM25 over a list of passages: candidates for mining, and negatives from a window of ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt

from tmkd.corpus.words import Cut

Indices = npt.NDArray[np.int64]


class Ranker:
    """A BM25 index in memory (about 1 kB a passage). The same passages and question always rank the same."""

    def __init__(self, passages: Sequence[str], cut: Cut | None = None) -> None:
        """Index passages.

        Args:
            passages: to be ranked.
            cut: cuts passages and questions into words; None = as `bm25s` does, at whatever is no letter or digit.
        """
        self._count = len(passages)
        self._cut = cut
        self._index = bm25s.BM25()
        self._vocabulary: dict[str, int] = {}
        tokens = bm25s.tokenize(list(passages), show_progress=False) if cut is None else _tokenized(passages, cut)
        if self._count and tokens.vocab:
            self._index.index(tokens, show_progress=False)
            self._vocabulary = self._index.vocab_dict

    def __len__(self) -> int:
        return self._count

    def words(self, text: str) -> list[str]:
        """Return the words by which a text is looked up."""
        if self._cut is not None:
            return self._cut(text)
        return list(bm25s.tokenize(text, return_ids=False, show_progress=False)[0])

    def scores(self, question: str) -> npt.NDArray[np.float32]:
        """Return the BM25 score of every passage, float32 ``[passages]``; 0 where no word is shared."""
        known = [word for word in self.words(question) if word in self._vocabulary]
        if not known:
            return np.zeros(self._count, np.float32)
        return np.asarray(self._index.get_scores(known), np.float32)

    def order(self, scores: npt.NDArray[np.float32], depth: int) -> Indices:
        """Return the indices of the ``depth`` best passages, best first; equal scores in the order given."""
        depth = min(depth, self._count)
        if 0 < depth < self._count:
            # Everything that ties with the last place has to be seen, or the choice among ties would be arbitrary.
            floor = np.partition(scores, self._count - depth)[self._count - depth]
            found = np.flatnonzero(scores >= floor)
        else:
            found = np.arange(self._count)
        return found[np.argsort(-scores[found], kind="stable")][:depth]

    def place(self, scores: npt.NDArray[np.float32], index: int) -> int:
        """Return the place of one passage in the whole `order`, from 0."""
        return int(np.count_nonzero(scores > scores[index]) + np.count_nonzero(scores[:index] == scores[index]))

    def matches(self, question: str, depth: int) -> Indices:
        """Return the best ``depth`` passages that share a word with the question, best first."""
        scores = self.scores(question)
        best = self.order(scores, depth)
        return best[scores[best] > 0]


def _tokenized(passages: Sequence[str], cut: Cut) -> Any:
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in cut(passage)] for passage in passages]
    return bm25s.tokenization.Tokenized(ids=ids, vocab=vocabulary)
