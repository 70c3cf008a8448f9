"""Class logits in Parquet: ``logits fixed_size_list<float16>[C]``; a row without a score holds nulls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

FloatArray = npt.NDArray[np.float32]
COLUMN = "logits"


def to_columns(logits: FloatArray, scored: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Return the columns of logits float32 [n, C]; rows that are not ``scored`` become null."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.where(scored[:, None], logits, 0).astype(np.float16)
    columns = logits.shape[1]
    flat = pa.array(values.reshape(-1), mask=np.repeat(~scored, columns))  # Arrow cannot read null lists back
    return {COLUMN: pa.FixedSizeListArray.from_arrays(flat, columns)}


def from_columns(table: pa.Table) -> FloatArray:
    """Return logits float32 [n, C]; rows without a score are NaN."""
    columns = table.schema.field(COLUMN).type.list_size
    if not table.num_rows:
        return np.empty((0, columns), np.float32)
    lists = table[COLUMN].chunk(0)
    start, stop = lists.offset * columns, (lists.offset + len(lists)) * columns
    flat = lists.values.slice(start, stop - start).to_numpy(zero_copy_only=False)  # nulls become NaN
    return np.asarray(flat.astype(np.float32).reshape(-1, columns))
