"""How well class probabilities meet golden labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmkd.evaluation.questions import Floats, Ids, Integers, has_rivals, question_codes
from tmkd.evaluation.ranking import rank_measures

UNJUDGED = -1
"""The label of a row about which no judge has spoken; such rows are left out."""


@dataclass(frozen=True)
class Quality:
    """Measures of one model on one corpus; None where a measure means nothing there.

    Attributes:
        rows: judged rows that accuracy and AUC were taken over.
        questions: questions among them.
        ranked_questions: questions that the ranking measures were taken over: those with a positive candidate.
        average_precision: of each of these, float64 [ranked_questions]; None where there is nothing to rank.
    """

    accuracy: float | None
    auc: float | None
    mrr10: float | None
    ndcg10: float | None
    map: float | None
    rows: int
    questions: int
    ranked_questions: int
    average_precision: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)


def quality(
    labels: Integers,
    probabilities: Floats,
    question_ids: Ids,
    grades: Floats | None = None,
    ids: Integers | None = None,
) -> Quality:
    """Measure accuracy, ROC-AUC and, for two classes, MRR@10, nDCG@10 and MAP.

    A candidate's score is the probability of the last class ("positive"). The ranking measures follow the usual
    protocol (`tmkd.evaluation.ranking.rank_measures`) and are None for more than two classes, or when no question has
    more than one candidate.

    Args:
        labels: int[n], class indices, `UNJUDGED` where there is none.
        probabilities: float[n, C]; they need not be finite in unjudged rows.
        question_ids: string[n].
        grades: float[n], gains for nDCG; the labels when None.
        ids: int64[n], the rows' ids, which order equal scores; their positions when None.

    Raises:
        ValueError: if lengths differ, a judged row's probability is not finite or a label is not below C.
    """
    if len(probabilities) != len(labels):
        raise ValueError(f"probabilities have the shape {probabilities.shape}, expected ({len(labels)}, C)")
    codes = question_codes(question_ids)
    judged = labels != UNJUDGED
    labels, probabilities, codes = labels[judged], probabilities[judged], codes[judged]
    check(probabilities, len(labels))
    if len(labels) and not (labels.min() >= 0 and labels.max() < probabilities.shape[1]):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, but there are {probabilities.shape[1]} classes"
        )
    grades = None if grades is None else np.asarray(grades, dtype=np.float64)[judged]
    ids = None if ids is None else ids[judged]
    return Quality(
        accuracy=accuracy(labels, probabilities),
        auc=auc(labels, probabilities),
        rows=len(labels),
        questions=len(np.unique(codes)),
        **_ranking(labels, probabilities, codes, grades, ids),
    )


def _ranking(
    labels: Integers, probabilities: Floats, codes: Integers, grades: Floats | None, ids: Integers | None
) -> dict[str, Any]:
    if probabilities.shape[1] != 2 or not has_rivals(codes) or not (labels == 1).any():
        return {"mrr10": None, "ndcg10": None, "map": None, "ranked_questions": 0}
    found = rank_measures(probabilities[:, 1], labels == 1, codes, grades, ids)
    means = {name: float(getattr(found, name).mean()) for name in ("mrr10", "ndcg10", "map")}
    return means | {"ranked_questions": len(found.questions), "average_precision": found.map}


def correct(labels: Integers, probabilities: Floats) -> NDArray[np.bool_]:
    """Return whether the most probable class is the golden one; bool[n]."""
    return np.asarray(probabilities.argmax(axis=1) == labels)


def accuracy(labels: Integers, probabilities: Floats) -> float | None:
    """Return the share of rows whose most probable class is the golden one; None without rows."""
    return float(correct(labels, probabilities).mean()) if len(labels) else None


def auc(labels: Integers, probabilities: Floats) -> float | None:
    """Return the area under the ROC curve: of the last class for C = 2, else the mean over one class against the rest.

    Classes that no row or every row has do not count; None if that is all of them.
    """
    from sklearn.metrics import roc_auc_score

    classes = [1] if probabilities.shape[1] == 2 else range(probabilities.shape[1])
    mixed = [c for c in classes if 0 < np.count_nonzero(labels == c) < len(labels)]
    areas = [float(roc_auc_score(labels == c, probabilities[:, c])) for c in mixed]
    return float(np.mean(areas)) if areas else None


def check(probabilities: Floats, rows: int) -> None:
    """Raise `ValueError` unless ``probabilities`` is finite float[rows, C] with C >= 2."""
    if probabilities.ndim != 2 or probabilities.shape[0] != rows or probabilities.shape[1] < 2:
        raise ValueError(f"probabilities have the shape {probabilities.shape}, expected ({rows}, C) with C >= 2")
    if not np.isfinite(probabilities).all():
        raise ValueError(
            f"{np.count_nonzero(~np.isfinite(probabilities).all(axis=1))} rows of probabilities are not finite"
        )
