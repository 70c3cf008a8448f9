"""Parquet files and hub data sets: Arrow batches to rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.class_numbers import ClassNumbers, names_in_metadata
from tmkd.corpus.files.records import (
    BATCH_ROWS,
    INVALID_ENCODING,
    LABEL,
    ROLES,
    Bad,
    Record,
    Row,
    places,
    refuse_repeated,
)
from tmkd.corpus.files.sources import Source
from tmkd.errors import UserError

KEYS = tuple(ROLES.index(role) for role in ("question_id", "source_id"))
"""Roles whose bytes, if they are no text, are kept as hexadecimal digits: a digest is a key like any other."""


def read_parquet(source: Source, config: CorpusConfig) -> Iterator[Record]:
    """Yield the rows of a Parquet file; positions are row numbers from 1.

    Raises:
        UserError: if it is empty, truncated or no Parquet file, or a named column is missing or there twice.
    """
    try:
        with pq.ParquetFile(source.location) as file:
            names = file.schema_arrow.names
            wanted = places(names, source.columns, source.location)
            refuse_repeated(names, wanted, source.columns, source.location)  # Parquet columns are read by name
            columns = [names[place] for place in dict.fromkeys(place for place in wanted if place is not None)]
            numbers = _class_numbers(file.schema_arrow, wanted, config, source.location)
            yield from rows_of(file.iter_batches(BATCH_ROWS, columns=columns), wanted, names, numbers=numbers)
    except (pa.ArrowException, OSError) as error:
        cause = str(error).split("\n")[0]
        raise UserError(f"{source.location}: not a whole Parquet file: {cause}") from None


def rows_of(
    batches: Iterable[pa.RecordBatch],
    wanted: tuple[int | None, ...],
    names: list[str],
    start: int = 1,
    numbers: ClassNumbers | None = None,
) -> Iterator[Record]:
    """Yield the rows of Arrow batches.

    Args:
        batches: at least the wanted columns.
        wanted: position in ``names`` of each role, in the order of `ROLES`.
        names: all columns of the source.
        start: position of the first row.
        numbers: names of the label column's class numbers, where it has any.
    """
    for batch in batches:
        table = {name: _values(batch.column(name)) for name in batch.schema.names}
        empty = [None] * batch.num_rows
        columns = [empty if place is None else table[names[place]] for place in wanted]
        if numbers is not None:
            columns[LABEL] = numbers.texts(columns[LABEL])
        for role in KEYS:
            columns[role] = [value.hex() if isinstance(value, bytes) else value for value in columns[role]]
        for offset, values in enumerate(zip(*columns, strict=True)):
            if any(isinstance(value, bytes) for value in values):
                shown = " | ".join(_shown(value) for value in values if value is not None)
                yield Bad(start + offset, INVALID_ENCODING.format(encoding="UTF-8"), shown)
            else:
                yield Row(start + offset, values)
        start += batch.num_rows


def _class_numbers(
    schema: pa.Schema, wanted: tuple[int | None, ...], config: CorpusConfig, location: str
) -> ClassNumbers | None:
    place = wanted[LABEL]
    found = None if place is None else names_in_metadata(schema, schema.names[place])
    return ClassNumbers(found, config, schema.names[place], location) if found and place is not None else None


def _values(column: pa.Array) -> list[Any]:
    """Return Python values; a cell with text that is not valid UTF-8 is bytes.

    Whole decimals are integers, other decimals, UUIDs, dates and times are text.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if pa.types.is_run_end_encoded(kind):
        return _values(pc.run_end_decode(column))
    if pa.types.is_temporal(kind):
        return [None if value is None else str(value) for value in column.cast(pa.string()).to_pylist()]
    try:
        values = column.to_pylist()
    except UnicodeDecodeError:
        return [_value(cell) for cell in column]
    if pa.types.is_decimal(kind):
        return [value if value is None else _undecimal(value) for value in values]
    return [_plain(value) if isinstance(value, bytes | UUID) else value for value in values]


def _undecimal(value: Decimal) -> int | str:
    return int(value) if value == value.to_integral_value() else f"{value.normalize():f}"


def _plain(value: bytes | UUID) -> str | bytes:
    return str(value) if isinstance(value, UUID) else _decoded(value)


def _value(cell: Any) -> Any:
    """Return the Python value of a cell; bytes if text in it, however deep, is not valid UTF-8."""
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        if isinstance(cell, pa.BinaryScalar):
            return cell.as_buffer().to_pybytes()
    parts = cell.values() if isinstance(cell, pa.StructScalar) else cell.values
    return b", ".join(_bytes(_value(part)) for part in parts)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _shown(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
