"""Whether a teacher's classes and a corpus's go together, and in which order its columns are to be stored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tmkd.errors import UserError

GENERIC = re.compile(r"LABEL_\d+")


def named_classes(id2label: Mapping[Any, str], columns: int) -> tuple[str, ...] | None:
    """Return a model's class names in column order, None where they are generic or there is one logit."""
    names = tuple(str(id2label.get(index, f"LABEL_{index}")) for index in range(columns))
    return None if columns == 1 or all(GENERIC.fullmatch(name) for name in names) else names


def match_classes(teacher: str, columns: int, names: Sequence[str] | None, corpus_classes: Sequence[str]) -> list[int]:
    """Return the teacher's column for each stored column, in the order of the corpus's classes.

    A single logit speaks about class 1 of two. Equal sets of names (case apart) are brought into the
    corpus's order; otherwise the counts decide.

    Args:
        teacher: its name, for messages.
        columns: C, columns it gives.
        names: names of its columns, None if it has none.
        corpus_classes: names of the corpus's classes, in order.

    Raises:
        UserError: if counts cannot go together, or names overlap in contradicting order.
    """
    wanted = [str(name) for name in corpus_classes]
    if columns == 1 and len(wanted) == 2:
        return [0]
    if columns != len(wanted):
        given = f" ({', '.join(names)})" if names else ""
        raise UserError(
            f"teacher {teacher!r} gives {columns} column(s){given}, but the corpus has {len(wanted)} classes "
            f"({', '.join(wanted)}); right would be {len(wanted)} columns"
            + (" or a single logit" if len(wanted) == 2 else "")
        )
    if names is None:
        return list(range(columns))
    own, corpus = [name.lower() for name in names], [name.lower() for name in wanted]
    if sorted(own) == sorted(corpus):
        return [own.index(name) for name in corpus]
    moved = [name for name in own if name in corpus and own.index(name) != corpus.index(name)]
    if moved:
        raise UserError(
            f"teacher {teacher!r} has classes {', '.join(names)}, the corpus {', '.join(wanted)}: they share "
            f"{moved[0]!r} at different places but are not the same set; rename one side (id2label or corpus classes)"
        )
    return list(range(columns))
