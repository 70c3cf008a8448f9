"""A corpus without golden labels: how far a model agrees with the teachers' ensemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.quality import check
from tmkd.evaluation.questions import Floats, Ids, Integers, has_rivals, question_codes, ranks
from tmkd.evaluation.ranking import rank_measures

LARGE_QUESTION = 500
"""Above so many candidates SciPy's O(k log k) beats comparing all pairs."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of a model with the ensemble; None where a measure means nothing.

    Attributes:
        top1_agreement: share of questions whose best candidate is the same. For more than two classes, or when no
            question has two candidates, share of rows whose most probable class is the same.
        kendall_tau: Kendall's tau-b of the candidates' order, mean over questions.
        kendall_tau_rows: the same over all rows at once.
        ndcg_teacher: nDCG@10 with the ensemble's probabilities as gains, mean over questions.
        questions: questions with two candidates or more.
    """

    top1_agreement: float
    kendall_tau: float | None
    kendall_tau_rows: float | None
    ndcg_teacher: float | None
    questions: int


def agreement(student: Floats, ensemble: Floats, question_ids: Ids, ids: Integers | None = None) -> Agreement:
    """Compare class probabilities float[n, C] of a model with the ensemble's, row by row.

    Scores are the probability of the last class. A question with one candidate tells nothing about order and is left
    out, and so is one that the ensemble leaves undecided (all its candidates equal); one that only the student leaves
    undecided counts as tau 0.

    Args:
        student: float[n, C].
        ensemble: float[n, C], the same rows.
        question_ids: string[n].
        ids: int64[n], the rows' ids, which order equal scores; their positions when None.

    Raises:
        ValueError: if shapes differ, there is no row or a probability is not finite.
    """
    check(student, len(ensemble))
    check(ensemble, len(student))
    if student.shape != ensemble.shape or not len(student):
        raise ValueError(f"shapes differ or are empty: student {student.shape}, ensemble {ensemble.shape}")
    codes = question_codes(question_ids)
    if student.shape[1] > 2 or not has_rivals(codes):
        same = float((student.argmax(axis=1) == ensemble.argmax(axis=1)).mean())
        tau = tau_b(student[:, 1], ensemble[:, 1]) if student.shape[1] == 2 else None
        return Agreement(same, None, tau, None, 0)
    rivals = np.bincount(codes)[codes] > 1
    mine, theirs = student[rivals, 1], ensemble[rivals, 1]
    codes = np.unique(codes[rivals], return_inverse=True)[1]
    ids = None if ids is None else ids[rivals]
    taus = question_taus(mine, theirs, codes)
    ranking = rank_measures(mine, theirs > 0, codes, grades=theirs.astype(np.float64), ids=ids)
    return Agreement(
        top1_agreement=_same_best(mine, theirs, codes, ids),
        kendall_tau=float(taus.mean()) if len(taus) else None,
        kendall_tau_rows=tau_b(student[:, 1], ensemble[:, 1]),
        ndcg_teacher=float(ranking.ndcg10.mean()) if len(ranking.ndcg10) else None,
        questions=int(codes.max()) + 1,
    )


def question_taus(student: Floats, ensemble: Floats, codes: Integers) -> NDArray[np.float64]:
    """Return Kendall's tau-b of each question that the ensemble decides; float64[q], vectorised by question size."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    parts = [np.empty(0)]
    for size in np.unique(sizes[sizes > 1]):
        rows = order[starts[sizes == size][:, None] + np.arange(size)]
        mine, theirs = student[rows], ensemble[rows]
        decided = (theirs != theirs[:, :1]).any(axis=1)
        mine, theirs = mine[decided], theirs[decided]
        if size > LARGE_QUESTION:
            parts.append(np.array([tau_b(x, y) or 0.0 for x, y in zip(mine, theirs, strict=True)]))
        else:
            parts.append(_pairwise_tau_b(mine, theirs))
    return np.concatenate(parts)


def tau_b(x: Floats, y: Floats) -> float | None:
    """Return Kendall's tau-b of two float[n] by SciPy; None if all of one are equal."""
    from scipy.stats import kendalltau

    value = float(kendalltau(x, y).statistic)
    return None if np.isnan(value) else value


def _pairwise_tau_b(x: Floats, y: Floats) -> NDArray[np.float64]:
    """Kendall's tau-b of each row of float[q, k]: concordant less discordant pairs over the pairs that are no ties."""
    first, second = np.triu_indices(x.shape[1], k=1)
    block = max(1, 4_000_000 // max(1, len(first)))
    taus = np.zeros(len(x))
    for start in range(0, len(x), block):
        part = slice(start, start + block)
        dx = np.sign(x[part][:, first] - x[part][:, second], dtype=np.float32)
        dy = np.sign(y[part][:, first] - y[part][:, second], dtype=np.float32)
        untied = np.sqrt(np.abs(dx).sum(axis=1, dtype=np.float64) * np.abs(dy).sum(axis=1, dtype=np.float64))
        np.divide((dx * dy).sum(axis=1, dtype=np.float64), untied, out=taus[part], where=untied > 0)
    return taus


def _same_best(student: Floats, ensemble: Floats, codes: Integers, ids: Integers | None) -> float:
    """Share of questions whose best candidate for the student has the ensemble's highest score."""
    highest = np.full(int(codes.max()) + 1, -np.inf)
    np.maximum.at(highest, codes, ensemble)
    best = np.flatnonzero(ranks(student, codes, ids) == 0)
    return float((ensemble[best] == highest[codes[best]]).mean())
