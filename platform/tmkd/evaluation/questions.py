"""Rows grouped by question, and an order of candidates that no file order can sway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ids = Sequence[str] | NDArray[Any]
Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


def question_codes(question_ids: Ids) -> NDArray[np.int64]:
    """Number questions (a list, an array or an Arrow column) from 0 in order of appearance; int64[n]."""
    column = pa.array(np.asarray(question_ids, dtype=object), pa.string())
    codes: NDArray[np.int64] = column.dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes


def ranks(scores: Floats, codes: Integers, ids: Integers | None = None) -> NDArray[np.int64]:
    """Return each row's place among its question's candidates, 0 = best; int64[n].

    Equal scores are ordered by a hash of ``ids``, so that neither the file's order (gold often comes first) nor the
    size of an id decides.

    Args:
        scores: float[n], higher is better.
        codes: int[n] from `question_codes`.
        ids: int64[n], the rows' own ids; their positions when None.
    """
    keys = _mix(np.arange(len(scores)) if ids is None else ids)
    order = np.lexsort((keys, -np.asarray(scores, dtype=np.float64), codes))
    starts = np.searchsorted(codes[order], codes[order], side="left")
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order)) - starts
    return places


def has_rivals(codes: Integers) -> bool:
    """Tell whether any question has more than one candidate, without which ranking means nothing."""
    return bool(len(codes)) and int(np.bincount(codes).max()) > 1


def _mix(ids: Integers) -> NDArray[np.uint64]:
    """Hash int64 ids by SplitMix64 (Steele et al., 2014): a fixed shuffle, the same on every machine."""
    z = np.asarray(ids).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
