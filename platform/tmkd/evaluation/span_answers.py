"""From start and end logits to answers in words, and how good they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.text.span_characters import are_without_blanks, character_exact_match, character_f1
from tmkd.text.span_logits import SpanLogits
from tmkd.text.span_mean import mean_logits
from tmkd.text.span_projection import Grid, project
from tmkd.text.span_scores import exact_match, f1
from tmkd.text.span_search import best_spans

FloatArray = npt.NDArray[np.float32]
TextScore = Callable[[str, Sequence[str]], float]
QUESTION_WORDS = ("who", "when", "where", "what", "which", "why", "how")
OTHER = "other"


@dataclass(frozen=True)
class Readings:
    """What one model says of every context of a split.

    Attributes:
        logits: float32 [T, 2] a context.
        grids: where the tokens lie in each context.
        null: score of "there is no answer", float32 [n]; NaN where the model could not read the context, -inf where
            there always is one.
    """

    logits: list[FloatArray]
    grids: list[Grid]
    null: FloatArray

    @classmethod
    def of(cls, labels: SpanLogits, grids: list[Grid]) -> Readings:
        """Put labels and the places of their tokens together; rows without a score have no tokens."""
        return cls([labels.row(row) for row in range(len(labels))], grids, labels.null)

    def answer(self, row: int, context: str, max_tokens: int, unanswerable: bool) -> str:
        """Return the best answer in words; empty for "there is none" and where the context could not be read."""
        logits, grid, null = self.logits[row], self.grids[row], float(self.null[row])
        if np.isnan(null) or not len(logits):
            return ""
        found = best_spans(logits[:, 0], logits[:, 1], 1, max_tokens, null if unanswerable else None)
        if not found or (unanswerable and null > found[0].score):
            return ""
        return context[grid.starts[found[0].first] : grid.ends[found[0].last]]


def mean_readings(readers: Sequence[Readings], unanswerable: bool) -> Readings:
    """Return the ensemble: the mean of the readers' probabilities (Hu et al., 2018, 2.4), on the first one's tokens.

    A reader that could not read a context is left out there. "There is no answer" has a share of the probability only
    where questions may be ``unanswerable``: elsewhere no reader has learned its score, nor does a student learn it.
    """
    first = readers[0]
    rows = [_mean(readers, row, unanswerable) for row in range(len(first.null))]
    return Readings([logits for logits, _ in rows], first.grids, np.array([null for _, null in rows], np.float32))


def _mean(readers: Sequence[Readings], row: int, unanswerable: bool) -> tuple[FloatArray, float]:
    grid = readers[0].grids[row]
    each = [reader for reader in readers if np.isfinite(reader.null[row]) and len(reader.logits[row])]
    if not each or not len(grid):
        return np.empty((0, 2), np.float32), float("nan")
    said = []
    for reader in each:
        tokens = project(reader.logits[row], reader.grids[row], grid)
        null = np.full((1, 2), reader.null[row] / 2, np.float32)
        said.append(np.concatenate([tokens, null]) if unanswerable else tokens)  # no answer comes last
    mean = mean_logits(said)  # [T, 2], or [T + 1, 2]
    return (mean[:-1], float(mean[-1].sum())) if unanswerable else (mean, float("-inf"))


@dataclass(frozen=True)
class SpanQuality:
    """Measures of one model over all questions, in [0, 1]; None without a question.

    Attributes:
        exact: 1.0 or 0.0 a question, float64 [n].
        overlap: F1 a question, float64 [n].
        characters: the same by characters (`tmkd.text.span_characters`), where answers are in scripts without blanks
            between words; else None.
    """

    exact: npt.NDArray[np.float64]
    overlap: npt.NDArray[np.float64]
    characters: SpanQuality | None = None

    @property
    def exact_match(self) -> float | None:
        return float(self.exact.mean()) if len(self.exact) else None

    @property
    def f1(self) -> float | None:
        return float(self.overlap.mean()) if len(self.overlap) else None


def worst_of_variants(quality: SpanQuality, codes: npt.NDArray[np.int64]) -> SpanQuality:
    """Return the worst exact match and the worst F1 of each question over its variants (Jia and Liang, EMNLP 2017).

    Args:
        quality: of n rows.
        codes: int64 [n], rows of the same question have the same number, 0 … Q - 1.
    """
    worst = [np.ones(int(codes.max(initial=-1)) + 1) for _ in range(2)]
    for scores, of_rows in zip(worst, (quality.exact, quality.overlap), strict=True):
        np.minimum.at(scores, codes, of_rows)
    characters = worst_of_variants(quality.characters, codes) if quality.characters else None
    return SpanQuality(worst[0], worst[1], characters)


def span_quality(answers: Sequence[str], references: Sequence[Sequence[str]]) -> SpanQuality:
    """Compare answers with their references as SQuAD does, and by characters where the references need it.

    Args:
        answers: n texts, empty for "there is none".
        references: legal answers of each question; none where there is none.
    """
    characters = None
    if are_without_blanks(text for legal in references for text in legal):
        characters = _scored(answers, references, character_exact_match, character_f1)
    return dataclasses.replace(_scored(answers, references, exact_match, f1), characters=characters)


def _scored(
    answers: Sequence[str], references: Sequence[Sequence[str]], exact: TextScore, overlap: TextScore
) -> SpanQuality:
    pairs = list(zip(answers, references, strict=True))
    found = [np.array([score(said, wanted) for said, wanted in pairs]) for score in (exact, overlap)]
    return SpanQuality(found[0], found[1])


def question_word(question: str) -> str:
    """Return the first question word of a question, ``other`` where it has none."""
    words = (word.strip("?,.'\"") for word in question.lower().split())
    return next((word for word in words if word in QUESTION_WORDS), OTHER)
