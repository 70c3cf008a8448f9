"""How soft labels lie in Parquet and travel between processes: one layout a kind of label.

Pairs: class logits. Spans: start and end logits of the context's tokens; and, apart from them, how readers divide their
attention. A row that could not be scored is null in every column.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.soft_labels import attention_layout, class_layout, span_layout
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.span_logits import SpanLogits

FloatArray = npt.NDArray[np.float32]
Labels = FloatArray | SpanLogits | AttentionMaps
"""Class logits float32 [n, C], what a span reader says of n contexts, or where readers look in them."""
FLOAT16_MAX = 65_504.0
PACKED: dict[type[Any], tuple[str, ...]] = {
    SpanLogits: ("tokens", "offsets", "null"),
    AttentionMaps: ("shares", "offsets", "question"),
}


def storable(labels: Labels) -> npt.NDArray[np.bool_]:
    """Tell of each row [n] whether all its numbers are finite and within float16."""
    if isinstance(labels, SpanLogits | AttentionMaps):
        return labels.within(FLOAT16_MAX)
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(labels) <= FLOAT16_MAX).all(axis=1))


def to_columns(labels: Labels, top: int | None = None) -> dict[str, pa.Array]:
    """Return the Parquet columns of labels; rows that are not `storable` become null.

    Args:
        labels: n rows.
        top: of spans, how many logits of either side are kept; None keeps all.
    """
    scored = storable(labels)
    if isinstance(labels, AttentionMaps):
        return attention_layout.to_columns(labels, scored)
    if isinstance(labels, SpanLogits):
        return span_layout.to_columns(labels, scored, top)
    return class_layout.to_columns(labels, scored)


def from_columns(table: pa.Table) -> Labels:
    """Return the labels that a shard's table holds; what each kind has for a row without a score, its layout says."""
    for layout, column in ((attention_layout, attention_layout.COLUMN), (span_layout, span_layout.NULL)):
        if column in table.column_names:
            labels: Labels = layout.from_columns(table)
            return labels
    return class_layout.from_columns(table)


def pack(labels: Labels) -> dict[str, npt.NDArray[Any]]:
    """Return labels as plain arrays, as Ray Data carries them."""
    if isinstance(labels, SpanLogits | AttentionMaps):
        return {name: getattr(labels, name) for name in PACKED[type(labels)]}
    return {class_layout.COLUMN: labels}


def unpack(row: Mapping[str, Any], prefix: str) -> Labels:
    """Return what was packed into a row under ``prefix``."""
    if f"{prefix}{class_layout.COLUMN}" in row:
        return np.asarray(row[f"{prefix}{class_layout.COLUMN}"], dtype=np.float32)
    kind = next(kind for kind, names in PACKED.items() if f"{prefix}{names[0]}" in row)
    first, offsets, last = (np.asarray(row[f"{prefix}{name}"]) for name in PACKED[kind])
    if kind is SpanLogits:
        return SpanLogits(first.astype(np.float32).reshape(-1, 2), offsets.astype(np.int64), last.astype(np.float32))
    return AttentionMaps(first.astype(np.float32), offsets.astype(np.int64), last.astype(np.int64))
