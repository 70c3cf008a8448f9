"""All kinds of student, one line each. A new one is a new file and a line here, or a call of `add_kind` in a plugin."""

from __future__ import annotations

from collections.abc import Callable

from tmkd.errors import UserError, nearest
from tmkd.students.base import StudentKind
from tmkd.students.bi_lstm import BiLstmKind
from tmkd.students.encoder import EncoderKind

KINDS: dict[str, StudentKind] = {kind.name: kind for kind in (EncoderKind(), BiLstmKind())}
DEFAULT = EncoderKind.name
"""Of recipes that name none, and of the papers' tables."""


def kind_of(name: str) -> StudentKind:
    """Return a kind by its name.

    Raises:
        UserError: naming the kinds that there are.
    """
    if name not in KINDS:
        raise UserError(f"student kind {name!r} is not known{nearest(name, list(KINDS))}; there are {', '.join(KINDS)}")
    return KINDS[name]


def checked(name: str) -> str:
    """Return the name of a kind, for fields of a recipe.

    Raises:
        ValueError: naming the kinds that there are.
    """
    if name not in KINDS:
        raise ValueError(f"{name!r} is none of {', '.join(KINDS)}{nearest(name, list(KINDS))}")
    return name


def kind_of_base(model_type: str) -> StudentKind:
    """Return the kind of a finished student by the ``model_type`` of its base."""
    own = (kind for kind in KINDS.values() if kind.base_type == model_type)
    return next(own, KINDS[DEFAULT])


def add_kind(kind: StudentKind) -> None:
    """Add a kind of a plugin.

    Raises:
        UserError: if there is another one of that name.
    """
    if type(KINDS.setdefault(kind.name, kind)) is not type(kind):
        raise UserError(f"student kind {kind.name!r}: there is one of that name already")


def names_where(fact: Callable[[StudentKind], bool]) -> str:
    """Return the names of the kinds of which something is true, as messages list them."""
    return " or ".join(name for name, kind in KINDS.items() if fact(kind))
