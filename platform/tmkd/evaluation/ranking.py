"""MRR@10, nDCG@10 and MAP over a question's candidates, by ``ir_measures``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.questions import Floats, Integers, ranks

GRADE_STEPS = 10_000
"""``pytrec_eval`` takes whole grades only and slows down as they grow. nDCG with linear gains does not change when a
question's are scaled, so fractions go to it as ten-thousandths of the question's highest."""


@dataclass(frozen=True)
class Ranking:
    """Measures of each judged question, float64[q]; their means are the usual figures.

    Attributes:
        questions: int64[q], the codes of the questions that count: those with at least one relevant candidate.
    """

    questions: NDArray[np.int64]
    mrr10: NDArray[np.float64]
    ndcg10: NDArray[np.float64]
    map: NDArray[np.float64]


def rank_measures(
    scores: Floats,
    relevant: NDArray[np.bool_],
    codes: Integers,
    grades: Floats | None = None,
    ids: Integers | None = None,
) -> Ranking:
    """Score the order that ``scores`` put each question's candidates in.

    The usual WikiQA protocol: questions without a relevant candidate are left out (of 633 test questions 243 remain);
    questions whose candidates are all relevant stay in.

    Args:
        scores: float[n], higher is better; equal ones are ordered by `tmkd.evaluation.questions.ranks`.
        relevant: bool[n], for MRR@10 and MAP.
        codes: int[n], the question of each row.
        grades: float[n] >= 0, linear gains for nDCG@10 (Järvelin & Kekäläinen, 2002); ``relevant`` when None.
        ids: int64[n], see `ranks`.
    """
    answered = np.zeros(int(codes.max()) + 1 if len(codes) else 0, dtype=bool)
    answered[codes[relevant]] = True
    rows = np.flatnonzero(answered[codes])
    places = ranks(scores, codes, ids)[rows]
    binary = relevant[rows].astype(np.int64)
    gains = binary if grades is None else _whole(grades[rows], codes[rows])
    return _measure(np.flatnonzero(answered), codes[rows], places, binary, gains)


def _measure(
    questions: NDArray[np.int64], codes: Integers, places: Integers, relevant: Integers, gains: Integers
) -> Ranking:
    import ir_measures
    from ir_measures import AP, RR, nDCG

    mrr, ndcg = RR @ 10, nDCG @ 10
    run = _nested(codes, -places)  # places are distinct, so the provider meets no ties
    binary = _nested(codes, relevant)
    graded = binary if gains is relevant else _nested(codes, gains)
    at = {str(code): index for index, code in enumerate(questions.tolist())}
    values = {measure: np.zeros(len(questions)) for measure in (mrr, ndcg, AP)}
    for measures, truth in (([mrr, AP], binary), ([ndcg], graded)):
        for metric in ir_measures.iter_calc(measures, truth, run):
            values[metric.measure][at[metric.query_id]] = metric.value
    return Ranking(questions, values[mrr], values[ndcg], values[AP])


def _whole(grades: Floats, codes: Integers) -> NDArray[np.int64]:
    """Make grades whole numbers up to `GRADE_STEPS`, unless they are already."""
    rounded = np.rint(grades).astype(np.int64)
    if np.array_equal(rounded, grades) and rounded.max(initial=0) <= GRADE_STEPS:
        return rounded
    highest = np.zeros(int(codes.max()) + 1)
    np.maximum.at(highest, codes, grades)
    scale = GRADE_STEPS / np.where(highest > 0, highest, 1.0)
    return np.rint(grades * scale[codes]).astype(np.int64)


def _nested(codes: Integers, values: Integers) -> dict[str, dict[str, int]]:
    """Return question -> row -> value, as the library takes it."""
    nested: dict[str, dict[str, int]] = {}
    for row, (code, value) in enumerate(zip(codes.tolist(), values.tolist(), strict=True)):
        nested.setdefault(str(code), {})[str(row)] = value
    return nested
