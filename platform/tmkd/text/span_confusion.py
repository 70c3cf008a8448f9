"""The most confusing answer: Hu et al. (EMNLP 2018), 3.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tmkd.text.span_characters import shares_nothing
from tmkd.text.span_projection import Grid
from tmkd.text.span_search import best_spans

MAX_ANSWER_TOKENS = 30


def confusing_answer(
    readers: Sequence[npt.NDArray[np.floating]],
    grid: Grid,
    context: str,
    golden: Sequence[Mapping[str, Any]],
    candidates: int,
) -> tuple[int, int] | None:
    """Return the tokens of the answer that misleads the readers most, or None where nothing does.

    Of every reader's best ``candidates`` answers (the paper's K = 4), those that share no word with any golden answer
    (F1 = 0; no character in scripts without blanks) mislead; the one of the highest probability is taken, over all
    readers.

    Args:
        readers: start and end logits on the tokens of ``grid``, float [T, 2] each.
        grid: where the tokens lie in the context.
        context: its text.
        golden: the answers, ``{"start", "text"}``.
        candidates: K.
    """
    wanted = [str(answer["text"]) for answer in golden]
    found = [
        span
        for logits in readers
        for span in best_spans(logits[:, 0], logits[:, 1], candidates, MAX_ANSWER_TOKENS)
        if shares_nothing(context[grid.starts[span.first] : grid.ends[span.last]], wanted)
    ]
    if not found:
        return None
    worst = max(found, key=lambda span: span.probability)
    return worst.first, worst.last
