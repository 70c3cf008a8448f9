"""Writing a split: shards of rows, and golden labels in files of the same names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from tmkd.corpus.digest import TextDigest
from tmkd.corpus.schema import GOLDEN, ID_STRIDE, SPLITS, Layout
from tmkd.workspace import Workspace, corpus_folder, labels_folder, shard_name

Columns = dict[str, Any]


class ShardWriter:
    """Takes the rows of one split in order and publishes them shard by shard.

    Ids are given here: consecutive from ``ID_STRIDE`` times the split's number.
    """

    def __init__(
        self, workspace: Workspace, corpus: str, split: str, shard_rows: int, labelled: bool, layout: Layout
    ) -> None:
        self._workspace = workspace
        self._layout = layout
        self._schema = pa.schema([*list(layout.rows)[1:], *list(layout.golden)[1:]])
        self._folder = corpus_folder(corpus, split)
        self._golden = labels_folder(corpus, split, GOLDEN) if labelled else None
        self._shard_rows = shard_rows
        self._next_id = SPLITS.index(split) * ID_STRIDE
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._shards: list[dict[str, Any]] = []
        self._digest = TextDigest(layout.text)
        self._questions: set[int] = set()
        self._labelled = 0

    def write(self, rows: Columns) -> None:
        """Append rows.

        Args:
            rows: equally long columns of the layout without ``id`` and, for a labelled split, those of its golden
                labels (null where nobody has judged). Columns that are not given are null.
        """
        count = len(rows["question"])
        columns = {name: _array(rows.get(name), count, self._schema.field(name).type) for name in self._schema.names}
        self._waiting.append(pa.table(columns, schema=self._schema))
        self._waiting_rows += count
        self._questions.update(map(hash, columns["question_id"].to_pylist()))
        while self._waiting_rows >= self._shard_rows:
            self._publish(self._shard_rows)

    def close(self) -> dict[str, Any] | None:
        """Publish what is left; return the split's entry of the manifest, or None if it has no rows."""
        if self._waiting_rows:
            self._publish(self._waiting_rows)
        if not self._shards:
            return None
        return {
            "shards": self._shards,
            "rows": sum(shard["rows"] for shard in self._shards),
            "questions": len(self._questions),
            "labelled": self._labelled,
            "fingerprint": self._digest.fingerprint,
        }

    def _publish(self, count: int) -> None:
        waiting = pa.concat_tables(self._waiting)
        rows, rest = waiting.slice(0, count).combine_chunks(), waiting.slice(count)
        self._waiting, self._waiting_rows = [rest], rest.num_rows
        ids = pa.array(np.arange(self._next_id, self._next_id + count, dtype=np.int64))
        self._next_id += count
        name = shard_name(len(self._shards))
        rows = rows.add_column(0, "id", ids)
        self._digest.update(rows)
        if self._golden:
            golden = rows.select(self._layout.golden.names).cast(self._layout.golden)
            self._labelled += count - golden[self._layout.judgement].null_count
            self._workspace.publish_table(f"{self._golden}/{name}", golden)
        text = rows.select(self._layout.rows.names).cast(self._layout.rows)
        self._workspace.publish_table(f"{self._folder}/{name}", text)
        self._shards.append({"name": name, "rows": count})


def _array(values: Any, count: int, kind: pa.DataType) -> pa.Array:
    if values is None:
        return pa.nulls(count, kind)
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)
