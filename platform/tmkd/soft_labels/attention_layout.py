"""Attention maps in Parquet: ``attention list<float16>``, T·N numbers a context, and ``question_tokens int32``, N."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.soft_labels.lists import flat, list_array
from tmkd.text.attention_maps import AttentionMaps

COLUMN = "attention"


def to_columns(maps: AttentionMaps, scored: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Return the columns of maps; rows that are not ``scored`` become null."""
    shares = np.where(np.isfinite(maps.shares), maps.shares, 0).astype(np.float16)
    question = pa.array(maps.question.astype(np.int32), mask=~scored)
    return {COLUMN: list_array(shares, maps.lengths, scored), "question_tokens": question}


def from_columns(table: pa.Table) -> AttentionMaps:
    """Return the maps; rows without a score are of questions of no tokens."""
    if not table.num_rows:
        return AttentionMaps.of([])
    shares, lengths = flat(table[COLUMN].chunk(0))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    question = table["question_tokens"].chunk(0).fill_null(0).to_numpy().astype(np.int64)
    return AttentionMaps(shares.astype(np.float32), offsets, question)
