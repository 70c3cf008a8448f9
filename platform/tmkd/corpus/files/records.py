"""What every reader gives: rows with their positions, and lines that are no rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from tmkd.corpus.config import AUTO, Column
from tmkd.errors import UserError, nearest

BATCH_ROWS = 8192
ROLES = ("question", "passage", "label", "grade", "question_id", "source_id", "answers", "group")
LABEL = ROLES.index("label")

INVALID_ENCODING = "text that is not valid {encoding}"
WRONG_FIELD_COUNT = "wrong number of fields"


class Row(NamedTuple):
    """One row: ``values`` in the order of `ROLES`, None where the role has no column or the cell is null."""

    position: int
    values: tuple[Any, ...]


class Bad(NamedTuple):
    """A line or row that gives no values."""

    position: int
    reason: str
    content: str


Record = Row | Bad


def batches(records: Iterable[Record], size: int = BATCH_ROWS) -> Iterator[list[Record]]:
    """Cut a stream of records into lists."""
    stream = iter(records)
    while batch := list(islice(stream, size)):
        yield batch


def places(found: Sequence[str], columns: dict[str, Column], where: str, hint: str = "") -> tuple[int | None, ...]:
    """Return the position of each role's column, in the order of `ROLES`.

    Args:
        found: names of the columns that are there.
        columns: ``{role: name or position}``.
        where: the file, for messages.
        hint: what else may be wrong, for messages.

    Raises:
        UserError: if a column is not there, with the nearest name and all names found.
    """
    named = {role: column for role, column in columns.items() if column != AUTO}
    if columns.get("label") == AUTO and "label" in found:
        named["label"] = "label"
    return tuple(_place(found, role, named[role], where, hint) if role in named else None for role in ROLES)


def refuse_repeated(found: Sequence[str], wanted: Sequence[int | None], roles: Iterable[str], where: str) -> None:
    """Raise `UserError` where the name of a wanted column is that of several columns.

    Args:
        found: names of the columns that are there.
        wanted: position of each role's column, in the order of `ROLES`.
        roles: those to check.
        where: the file, for the message.
    """
    checked = set(roles)
    for role, place in zip(ROLES, wanted, strict=True):
        if role in checked and place is not None and (count := list(found).count(found[place])) > 1:
            raise UserError(
                f"{where}: column {found[place]!r} (corpus.columns.{role}) is there {count} times; expected one "
                f"column of that name; columns found: {', '.join(found)}"
            )


def _place(found: Sequence[str], role: str, column: Column, where: str, hint: str) -> int:
    shown = ", ".join(found)
    if isinstance(column, int):
        if not 0 <= column < len(found):
            raise UserError(
                f"{where}: corpus.columns.{role} is position {column}, but there are {len(found)} columns "
                f"(positions 0 to {len(found) - 1}): {shown}{hint}"
            )
        return column
    if column not in found:
        raise UserError(
            f"{where}: no column {column!r} (corpus.columns.{role}){nearest(column, found)}; "
            f"columns found: {shown}{hint}"
        )
    return list(found).index(column)
