"""Start and end logits in Parquet: all of them, or the best k and the mass of the rest.

All: ``start`` and ``end list<float16>``, a number a token of the context, and ``null float``. The best k of either
side: ``start`` and ``end list<float16>``, their places ``start_at`` and ``end_at list<int32>``, the log of the sum of
the others' exponentials ``start_rest`` and ``end_rest float``, ``tokens int32`` and ``null float``. Whoever reads them
finds the rest spread evenly, so that the probabilities of the best k are those of the reader.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.soft_labels.lists import flat, list_array
from tmkd.text.span_logits import SpanLogits

Mask = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
SIDES = ("start", "end")
NULL = "null"
TOKENS = "tokens"


def to_columns(labels: SpanLogits, scored: Mask, top: int | None = None) -> dict[str, pa.Array]:
    """Return the columns of labels, with ``top`` of the best of either side; rows not ``scored`` become null."""
    columns: dict[str, pa.Array] = {}
    for side, name in enumerate(SIDES):
        if top is None:
            values = np.where(np.isfinite(labels.tokens[:, side]), labels.tokens[:, side], 0).astype(np.float16)
            columns[name] = list_array(values, labels.lengths, scored)
        else:
            columns |= _best(labels, scored, side, top)
    if top is not None:
        columns[TOKENS] = pa.array(labels.lengths.astype(np.int32), mask=~scored)
    return {**columns, NULL: pa.array(labels.null, mask=~scored)}


def from_columns(table: pa.Table) -> SpanLogits:
    """Return the labels; rows without a score have no tokens and a null of NaN."""
    if not table.num_rows:
        return SpanLogits.of([], np.empty(0, np.float32))
    null = table[NULL].to_numpy().astype(np.float32)  # nulls become NaN
    if TOKENS in table.column_names:
        lengths = table[TOKENS].chunk(0).fill_null(0).to_numpy().astype(np.int64)
        sides = [_spread(table, name, lengths) for name in SIDES]
    else:
        found = [flat(table[name].chunk(0)) for name in SIDES]
        lengths, sides = found[0][1], [values.astype(np.float32) for values, _ in found]
    return SpanLogits(np.stack(sides, axis=1), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), null)


def _best(labels: SpanLogits, scored: Mask, side: int, top: int) -> dict[str, pa.Array]:
    name = SIDES[side]
    places, values, rest, kept = [], [], np.full(len(labels), -np.inf, np.float32), np.zeros(len(labels), np.int64)
    for row in np.flatnonzero(scored).tolist():
        logits = labels.row(row)[:, side]
        order = np.argsort(-logits, kind="stable")
        best = np.sort(order[:top])
        places.append(best)
        values.append(logits[best])
        kept[row] = len(best)
        if len(order) > top:
            rest[row] = np.logaddexp.reduce(logits[order[top:]])
    flat_places = np.concatenate([np.empty(0, np.int64), *places]).astype(np.int32)
    flat_values = np.concatenate([np.empty(0, np.float32), *values]).astype(np.float16)
    return {
        name: list_array(flat_values, kept, scored),
        f"{name}_at": list_array(flat_places, kept, scored),
        f"{name}_rest": pa.array(rest, mask=~scored),
    }


def _spread(table: pa.Table, name: str, lengths: npt.NDArray[np.int64]) -> FloatArray:
    """Return one side's logits of all contexts, [ΣT]: those that were kept, and an equal share for the others."""
    values, kept = flat(table[name].chunk(0))
    places, _ = flat(table[f"{name}_at"].chunk(0))
    rest = table[f"{name}_rest"].chunk(0).fill_null(0.0).to_numpy().astype(np.float32)
    each = rest - np.log(np.maximum(lengths - kept, 1)).astype(np.float32)
    logits = np.repeat(each, lengths)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    logits[np.repeat(begins, kept) + places.astype(np.int64)] = values
    return logits.astype(np.float32)
