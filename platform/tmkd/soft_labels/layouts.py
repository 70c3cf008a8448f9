"""How soft labels lie in Parquet and travel between processes: one layout a task.

Pairs: ``logits fixed_size_list<float16>[C]``. Spans: ``start`` and ``end list<float16>``, one number a token of the
context, and ``null float``. A row that the teacher could not score is null in every column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.tasks.span_logits import SpanLogits

FloatArray = npt.NDArray[np.float32]
Labels = FloatArray | SpanLogits
"""Class logits float32 [n, C], or what a span reader says of n contexts."""
FLOAT16_MAX = 65_504.0


def storable(labels: Labels) -> npt.NDArray[np.bool_]:
    """Tell of each row [n] whether all its numbers are finite and within float16."""
    if isinstance(labels, SpanLogits):
        return labels.within(FLOAT16_MAX)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(labels) <= FLOAT16_MAX).all(axis=1))


def to_columns(labels: Labels) -> dict[str, pa.Array]:
    """Return the Parquet columns of labels; rows that are not `storable` become null."""
    return _span_columns(labels) if isinstance(labels, SpanLogits) else _class_columns(labels)


def from_columns(table: pa.Table) -> Labels:
    """Return the labels that a shard's table holds; rows without a score are NaN (spans: of no tokens, NaN null)."""
    return _read_spans(table) if "null" in table.column_names else _read_classes(table)


def pack(labels: Labels) -> dict[str, npt.NDArray[Any]]:
    """Return labels as plain arrays, as Ray Data carries them."""
    if isinstance(labels, SpanLogits):
        return {"tokens": labels.tokens, "offsets": labels.offsets, "null": labels.null}
    return {"logits": labels}


def unpack(row: Mapping[str, Any], prefix: str) -> Labels:
    """Return what was packed into a row under ``prefix``."""
    if f"{prefix}logits" in row:
        return np.asarray(row[f"{prefix}logits"], dtype=np.float32)
    tokens, offsets, null = (np.asarray(row[f"{prefix}{name}"]) for name in ("tokens", "offsets", "null"))
    return SpanLogits(tokens.astype(np.float32).reshape(-1, 2), offsets.astype(np.int64), null.astype(np.float32))


def _class_columns(logits: FloatArray) -> dict[str, pa.Array]:
    scored = storable(logits)
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.where(scored[:, None], logits, 0).astype(np.float16)
    columns = logits.shape[1]
    flat = pa.array(values.reshape(-1), mask=np.repeat(~scored, columns))  # Arrow cannot read null lists back
    return {"logits": pa.FixedSizeListArray.from_arrays(flat, columns)}


def _read_classes(table: pa.Table) -> FloatArray:
    columns = table.schema.field("logits").type.list_size
    if not table.num_rows:
        return np.empty((0, columns), np.float32)
    lists = table["logits"].chunk(0)
    start, stop = lists.offset * columns, (lists.offset + len(lists)) * columns
    flat = lists.values.slice(start, stop - start).to_numpy(zero_copy_only=False)  # nulls become NaN
    return np.asarray(flat.astype(np.float32).reshape(-1, columns))


def _span_columns(labels: SpanLogits) -> dict[str, pa.Array]:
    scored = storable(labels)
    values = labels.tokens[np.repeat(scored, labels.lengths)].astype(np.float16)
    offsets = np.concatenate([[0], np.cumsum(np.where(scored, labels.lengths, 0))]).astype(np.int32)
    lists = [
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[:, side].copy()), mask=pa.array(~scored))
        for side in (0, 1)
    ]
    return {"start": lists[0], "end": lists[1], "null": pa.array(labels.null, mask=~scored)}


def _read_spans(table: pa.Table) -> SpanLogits:
    if not table.num_rows:
        return SpanLogits.of([], np.empty(0, np.float32))
    start, end = (table[name].chunk(0) for name in ("start", "end"))
    lengths = start.value_lengths().fill_null(0).to_numpy()
    tokens = np.stack([side.flatten().to_numpy(zero_copy_only=False) for side in (start, end)], axis=1)
    null = table["null"].to_numpy().astype(np.float32)  # nulls become NaN
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return SpanLogits(tokens.astype(np.float32), offsets, null)
