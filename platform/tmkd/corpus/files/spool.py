"""The rows of one split's files between reading and writing: text on disk, 8-byte keys in memory.

Where a row goes depends on all rows (who shares its question? was it there before?), so files are read once into an
Arrow file in a temporary folder, decided on by their keys, and written from there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.corpus.hashing import Hashes
from tmkd.corpus.schema import Layout

KEYS = ("group_key", "text_key", "pair_key")
Mask = npt.NDArray[np.bool_]


def spool_schema(layout: Layout) -> pa.Schema:
    """Return what a checked row holds: where it came from, its text and its judgement."""
    own = [field for field in layout.rows if field.name not in ("id", "rank")]  # these are given when it is written
    where = [pa.field("source", pa.string()), pa.field("position", pa.int64())]
    return pa.schema([*where, *own, *list(layout.golden)[1:]])


class Spool:
    """Checked rows of one split (or of the one file that is split by question); about 25 bytes a row in memory.

    After `close`:
        group_key: uint64 ``[rows]``, what splits and ranks go by: a pair's question (its id, or its text where it has
            none), a span's group (its context where it has none).
        text_key: uint64 ``[rows]``, what must not lie in two splits: a pair's question in lower case, a span's context.
        pair_key: uint64 ``[rows]``, question and passage or context: what counts as repeated.
        judged: bool ``[rows]``, whether there is a golden label.
    """

    def __init__(self, folder: Path, split: str, layout: Layout) -> None:
        self.split = split
        self.layout = layout
        self.schema = spool_schema(layout)
        self._path = folder / f"{split}.arrow"
        self._sink = pa.OSFile(str(self._path), "wb")
        self._writer = pa.ipc.new_file(self._sink, self.schema)
        self._keys = {name: array("Q") for name in KEYS}
        self._judged = array("b")

    def __len__(self) -> int:
        return len(self._judged)

    def add(self, columns: dict[str, list[Any]], keys: dict[str, list[int]]) -> None:
        """Append rows: the columns of `schema`, and those of `KEYS`."""
        self._writer.write_table(pa.table(columns, schema=self.schema))
        self._judged.extend(label is not None for label in columns[self.layout.judgement])
        for name, values in keys.items():
            self._keys[name].extend(values)

    def close(self) -> None:
        self._writer.close()
        self._sink.close()
        self.group_key, self.text_key, self.pair_key = (_hashes(self._keys[name]) for name in KEYS)
        self.judged: Mask = np.frombuffer(self._judged, np.int8).astype(bool)

    def rows(self, mask: Mask) -> Iterator[tuple[pa.Table, npt.NDArray[np.int64]]]:
        """Yield the rows where ``mask`` is true, with their places in the spool, a batch at a time."""
        with pa.memory_map(str(self._path)) as file:
            reader = pa.ipc.open_file(file)
            start = 0
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                wanted = mask[start : start + batch.num_rows]
                if wanted.any():
                    yield pa.table(batch.filter(pa.array(wanted))), start + np.flatnonzero(wanted)
                start += batch.num_rows


def _hashes(values: array[int]) -> Hashes:
    return np.frombuffer(values, np.uint64) if values else np.empty(0, np.uint64)
