"""Every model's probabilities beside the golden labels, for anyone who wants to look or measure for themselves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from tmkd.evaluation.quality import UNJUDGED, check
from tmkd.evaluation.questions import Floats, Ids, Integers
from tmkd.workspace import Workspace

FILE = "predictions.parquet"
SUM_TOLERANCE = 1e-3
"""Probabilities computed in bfloat16 sum to one only so closely."""


def build(ids: Integers, question_ids: Ids, labels: Integers | None, probabilities: Mapping[str, Floats]) -> pa.Table:
    """Return one row a pair, one column a model.

    Args:
        ids: int64[n], unique.
        question_ids: string[n].
        labels: int[n], `UNJUDGED` where no judge has spoken; None for a corpus without golden labels.
        probabilities: model's unique name -> float[n, C].

    Returns:
        Columns ``id`` int64, ``question_id`` string, ``label`` int32 (null where there is none), then a column a model:
        for C = 2 the positive class's probability as float32, for more classes ``fixed_size_list<float32>[C]``; null
        where the model has no score: a row of NaN, unless all rows are.

    Raises:
        ValueError: if lengths differ, ids repeat, or probabilities of a row are partly not finite or do not sum to one.
    """
    rows = len(ids)
    if len(np.unique(ids)) != rows:
        raise ValueError("ids repeat: every pair has one row")
    golden = np.full(rows, UNJUDGED) if labels is None else np.asarray(labels)
    table = pa.table(
        {
            "id": pa.array(np.asarray(ids), pa.int64()),
            "question_id": pa.array(np.asarray(question_ids, dtype=object), pa.string()),
            "label": pa.array(golden.astype(np.int32), pa.int32(), mask=golden == UNJUDGED),
        }
    )
    for model, values in probabilities.items():
        if model in table.column_names:
            raise ValueError(f"a model may not be called {model!r}: that is a column already")
        table = table.append_column(model, _column(model, values, rows))
    return table


def publish(workspace: Workspace, run: str, table: pa.Table) -> str:
    """Write ``reports/<run>/predictions.parquet`` and return its place in the workspace."""
    path = f"reports/{run}/{FILE}"
    workspace.publish_table(path, table)
    return path


def _column(model: str, values: Floats, rows: int) -> pa.Array:
    missing = np.isnan(values.reshape(len(values), -1)).all(axis=1)
    if missing.all():  # that is no model with gaps
        missing = np.zeros(len(values), bool)
    try:
        check(values[~missing], rows - int(missing.sum()))
    except ValueError as error:
        raise ValueError(f"{model}: {error}") from None
    if np.abs(values[~missing].sum(axis=1, dtype=np.float64) - 1).max(initial=0.0) > SUM_TOLERANCE:
        raise ValueError(f"{model}: probabilities do not sum to one in every row; logits?")
    if values.shape[1] == 2:
        return pa.array(values[:, 1].astype(np.float32), mask=missing)
    flat = pa.array(values.astype(np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1], mask=pa.array(missing))
