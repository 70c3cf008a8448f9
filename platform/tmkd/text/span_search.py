"""From start and end scores of tokens to the best answer spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Span:
    """An answer.

    Attributes:
        first, last: its tokens, both included.
        score: start score of the first plus end score of the last.
        probability: of this start times of this end, among all tokens and, where it is given, no answer.
    """

    first: int
    last: int
    score: float
    probability: float


def best_spans(
    start: FloatArray, end: FloatArray, count: int, max_tokens: int, null: float | None = None
) -> list[Span]:
    """Return the best spans, best first; of equally good ones the earlier and then the shorter.

    Args:
        start: scores of the context's tokens, float [T]; a token at -inf starts no answer.
        end: the same for their ends.
        count: so many, fewer where there are no more.
        max_tokens: tokens that an answer may have.
        null: score of "there is no answer": its start score plus its end score; None where every question has one.
    """
    tokens = len(start)
    width = min(max_tokens, tokens)
    if width < 1 or count < 1:
        return []
    padded = np.concatenate([np.asarray(end, np.float64), np.full(width, -np.inf)])
    ends = np.lib.stride_tricks.sliding_window_view(padded, width)[:tokens]  # [T, width]: ends from the start on
    scores = (np.asarray(start, np.float64)[:, None] + ends).reshape(-1)
    order = np.argsort(-scores, kind="stable")[:count]
    norm = _log_sum(start, null) + _log_sum(end, null)
    return [
        Span(
            int(place // width), int(place // width + place % width), float(scores[place]), _share(scores[place], norm)
        )
        for place in order
        if np.isfinite(scores[place])
    ]


def _log_sum(scores: FloatArray, null: float | None) -> float:
    """Return the log of the sum of exponentials, no answer standing for half its score on either side."""
    parts = np.asarray(scores, np.float64)
    if null is not None:
        parts = np.append(parts, null / 2)
    return float(np.logaddexp.reduce(parts))


def _share(score: float, norm: float) -> float:
    return float(np.exp(score - norm))
