"""Parquet files and hub data sets: Arrow batches to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.records import BATCH_ROWS, INVALID_ENCODING, Bad, Record, Row, places
from tmkd.corpus.files.sources import Source
from tmkd.errors import UserError


def read_parquet(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield the rows of a Parquet file; positions are row numbers from 1.

    Raises:
        UserError: if it is empty, truncated or no Parquet file, or a named column is missing.
    """
    try:
        with pq.ParquetFile(source.location) as file:
            names = file.schema_arrow.names
            wanted = places(names, source.columns, source.location)
            columns = [names[place] for place in dict.fromkeys(place for place in wanted if place is not None)]
            yield from rows_of(file.iter_batches(BATCH_ROWS, columns=columns), wanted, names)
    except (pa.ArrowException, OSError) as error:
        cause = str(error).split("\n")[0]
        raise UserError(f"{source.location}: not a whole Parquet file: {cause}") from None


def rows_of(
    batches: Iterable[pa.RecordBatch], wanted: tuple[int | None, ...], names: list[str], start: int = 1
) -> Iterator[Record]:
    """Yield the rows of Arrow batches.

    Args:
        batches: at least the wanted columns.
        wanted: position in ``names`` of each role, in the order of `ROLES`.
        names: all columns of the source.
        start: position of the first row.
    """
    for batch in batches:
        table = {name: _values(batch.column(name)) for name in batch.schema.names}
        empty = [None] * batch.num_rows
        columns = [empty if place is None else table[names[place]] for place in wanted]
        for offset, values in enumerate(zip(*columns, strict=True)):
            if any(isinstance(value, bytes) for value in values):
                shown = " | ".join(_shown(value) for value in values if value is not None)
                yield Bad(start + offset, INVALID_ENCODING.format(encoding="UTF-8"), shown)
            else:
                yield Row(start + offset, values)
        start += batch.num_rows


def _values(column: pa.Array) -> list[Any]:
    """Return Python values; text that is not valid UTF-8 stays bytes."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        try:
            return column.to_pylist()
        except UnicodeDecodeError:
            column = column.cast(pa.large_binary())
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return [value if value is None else _decoded(value) for value in column.to_pylist()]
    return column.to_pylist()


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _shown(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
