"""The columns of a corpus shard and of its golden labels, and the names of the splits."""

from __future__ import annotations

import pyarrow as pa

PAIR_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),  # ours: unique in a corpus, increasing inside a shard
        ("source_id", pa.string()),  # the user's key, or where the row came from
        ("question_id", pa.string()),
        ("question", pa.string()),
        ("passage", pa.string()),
        ("rank", pa.int32()),  # place among the question's candidates, 0 = the given or own passage
    ]
)
"""Columns of a corpus shard. Golden labels are not among them: they are a label store of their own."""

GOLDEN_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("label", pa.int32()),  # class index; null where no judge has spoken
        ("grade", pa.float32()),  # relevance for ranking measures; the label itself unless grades were given
    ]
)
"""Columns of a golden-label shard: teacher T0 of the paper (3.1)."""

GOLDEN = "golden"

UNLABELED, TRAIN, VALIDATION, TEST = SPLITS = ("unlabeled", "train", "validation", "test")

ID_STRIDE = 1 << 40
"""Ids of split number ``k`` start at ``k * ID_STRIDE``: a split keeps its ids when another one grows."""
