"""The columns of a corpus shard and of its golden labels, a layout a task, and the names of the splits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pyarrow as pa

from tmkd.tasks.base import load_part
from tmkd.tasks.registry import task_of

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

SPAN_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("source_id", pa.string()),
        ("question_id", pa.string()),
        ("question", pa.string()),
        ("context", pa.string()),  # as it was given, blanks included: answers are counted in its characters
        ("group_id", pa.string()),  # article, document; no group lies in two splits that are carved here
    ]
)
"""Columns of a corpus shard for span reading."""

ANSWER = pa.struct([("start", pa.int32()), ("text", pa.string())])
"""A golden answer: the character of the context where it begins, and its text."""

SPAN_GOLDEN_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("answers", pa.list_(ANSWER)),  # empty where the context holds none; null where no judge has spoken
    ]
)
"""Columns of a golden-label shard for span reading."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a task lie in shards.

    Attributes:
        rows: columns of a corpus shard.
        golden: columns of its golden labels.
        judgement: the golden column that is null where no judge has spoken.
        text: the column beside the question.
        apart: what must not lie in a held-out split and in another one.
        noun: what rows are called.
    """

    rows: pa.Schema
    golden: pa.Schema
    judgement: str
    text: str
    apart: str
    noun: str


PAIRS = Layout(PAIR_SCHEMA, GOLDEN_SCHEMA, "label", "passage", "question", "pairs")
SPANS = Layout(SPAN_SCHEMA, SPAN_GOLDEN_SCHEMA, "answers", "context", "context", "questions")


def layout_of(task: str) -> Layout:
    """Return how the rows of a task lie in shards."""
    return cast(Layout, load_part(task_of(task).layout))


GOLDEN = "golden"

UNLABELED, TRAIN, VALIDATION, TEST = SPLITS = ("unlabeled", "train", "validation", "test")

ID_STRIDE = 1 << 40
"""Ids of split number ``k`` start at ``k * ID_STRIDE``: a split keeps its ids when another one grows."""
