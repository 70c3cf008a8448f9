"""Rows of unequal length as Arrow lists, with nulls for rows without a score."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def list_array(
    values: npt.NDArray[np.generic], lengths: npt.NDArray[np.int64], scored: npt.NDArray[np.bool_]
) -> pa.ListArray:
    """Return lists out of all rows' values, one after the other; rows that are not ``scored`` [n] become null."""
    kept = values[np.repeat(scored, lengths)]
    offsets = np.concatenate([[0], np.cumsum(np.where(scored, lengths, 0))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.ascontiguousarray(kept)), mask=pa.array(~scored))


def flat(lists: pa.ListArray) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.int64]]:
    """Return the values of all lists, one after the other, and the length of each, 0 for null."""
    lengths = lists.value_lengths().fill_null(0).to_numpy().astype(np.int64)
    return lists.flatten().to_numpy(zero_copy_only=False), lengths
