"""Class names of a teacher, matched by name with those of a corpus: the order in which its columns are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tmkd.corpus.class_names import is_generic, match_names, normalised
from tmkd.errors import UserError, nearest


@dataclass(frozen=True)
class ClassMatch:
    """Columns of a teacher in the order of a corpus's classes.

    Attributes:
        order: the teacher's column for each stored column.
        renamed: (teacher's name, corpus class) of names that are not spelled alike.
        by_position: whether the names say nothing (``LABEL_0`` …), so that the order is a guess to be checked.
        is_plain: whether equal spelling, or else position, gives the same order.
    """

    order: list[int]
    renamed: tuple[tuple[str, str], ...] = ()
    by_position: bool = False
    is_plain: bool = True


def generic_name(column: int) -> str:
    """Return what a column is called whose model gives it no name; a map may name any column so."""
    return f"LABEL_{column}"


def named_classes(
    id2label: Mapping[Any, Any], columns: int, label2id: Mapping[Any, Any] | None = None
) -> tuple[str, ...] | None:
    """Return a model's class names in column order, ``LABEL_0`` … where it has none; None for a single logit.

    Names come from ``id2label``, and from ``label2id`` where the former is generic. A column that both name, but
    differently, counts as unnamed.

    Args:
        id2label: of the model's config, index -> name.
        columns: C.
        label2id: of the model's config, name -> index.
    """
    if columns == 1:
        return None
    first, second = _by_index(id2label), _by_index({index: name for name, index in (label2id or {}).items()})
    if is_generic(list(second.values())):
        second = {}
    elif is_generic([first.get(column, generic_name(column)) for column in range(columns)]):
        first = {}
    return tuple(_name(column, first, second) for column in range(columns))


def match_classes(
    teacher: str,
    columns: int,
    names: Sequence[str] | None,
    corpus_classes: Sequence[str],
    mapping: Mapping[str, str] | None = None,
) -> ClassMatch:
    """Match a teacher's columns with a corpus's classes by name.

    A single logit speaks about class 1 of two.

    Args:
        teacher: its name, for messages.
        columns: C, columns it gives.
        names: names of its columns, None for a single logit.
        corpus_classes: names of the corpus's classes, in order.
        mapping: ``teachers.NAME.classes`` of the recipe: name of a column or ``LABEL_i`` -> corpus class.

    Raises:
        UserError: if the counts differ, the names are not the same set, or the map names what is not there.
    """
    wanted = [str(name) for name in corpus_classes]
    if columns == 1 and len(wanted) == 2 and not mapping:
        return ClassMatch([0])
    if columns != len(wanted) or columns == 1:
        raise UserError(_wrong_count(teacher, columns, names, wanted, mapping))
    own = list(names or [generic_name(column) for column in range(columns)])
    given = _mapped(teacher, own, wanted, mapping or {})
    found = match_names(given, wanted)
    if found is not None:
        order = list(found.order)
        return ClassMatch(order, _renamed(own, wanted, order), is_plain=order == _plain(own, wanted))
    if is_generic(own) and not mapping:
        return ClassMatch(list(range(columns)), by_position=True)
    raise UserError(
        f"teachers.{teacher}.classes: the model's classes are {', '.join(own)}, the corpus's {', '.join(wanted)}, and "
        f"they do not match by name; map each one in the recipe, such as {suggested_map(own, wanted)}"
    )


def unnamed(teacher: str, names: Sequence[str], classes: Sequence[str]) -> UserError:
    """Return the error for columns without names where no golden labels can tell their order."""
    return UserError(
        f"teachers.{teacher}.classes: the model does not name its classes ({', '.join(names)}), and there are no "
        f"golden labels to tell their order by; map each to one of {', '.join(classes)}: "
        f"{suggested_map(names, classes)} if they are in this order"
    )


def suggested_map(names: Sequence[str], classes: Sequence[str], order: Sequence[int] | None = None) -> str:
    """Return the map to write into a recipe.

    Args:
        names: of the model's columns.
        classes: of the corpus.
        order: the corpus class of each column; None to pair names that match, and the others in order.
    """
    keys = [name if names.count(name) == 1 else generic_name(column) for column, name in enumerate(names)]
    targets = [classes[place] for place in order] if order is not None else _guessed(names, classes)
    return "{" + ", ".join(f"{key}: {target}" for key, target in zip(keys, targets, strict=True)) + "}"


def last_is_negative(classes: Sequence[str]) -> bool:
    """Return whether the last of two classes negates the first: ``relevant``, ``not_relevant``."""
    found = match_names(["no", "yes"], classes)
    return found is not None and found.order == (1, 0)


def _guessed(names: Sequence[str], classes: Sequence[str]) -> list[str]:
    fitting = [next((name for name in classes if match_names([own], [name])), None) for own in names]
    left = iter([name for name in classes if name not in fitting])
    taken: list[str] = []
    for name in fitting:
        taken.append(name if name is not None and name not in taken else next(left, "?"))
    return taken


def _by_index(names: Mapping[Any, Any]) -> dict[int, str]:
    there = [(index, name) for index, name in names.items() if name is not None]
    return {int(index): str(name) for index, name in there if str(index).strip().isdecimal()}


def _name(column: int, first: Mapping[int, str], second: Mapping[int, str]) -> str:
    said = [each[column] for each in (first, second) if column in each]
    agreed = len({normalised(name) for name in said}) == 1
    return said[0] if agreed else generic_name(column)


def _mapped(teacher: str, own: Sequence[str], wanted: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    """Return the corpus class that the map gives each column, its own name where it gives none."""
    by_name = {normalised(str(name)): target for name, target in mapping.items()}
    keys = [(normalised(name), normalised(generic_name(column))) for column, name in enumerate(own)]
    foreign = [name for name in mapping if not any(normalised(str(name)) in pair for pair in keys)]
    if foreign:
        raise UserError(
            f"teachers.{teacher}.classes: the model has no class {foreign[0]!r}{nearest(foreign[0], own)}; its classes "
            f"are {', '.join(own)} (or LABEL_0 … LABEL_{len(own) - 1})"
        )
    unknown = [target for target in by_name.values() if target not in wanted]
    if unknown:
        raise UserError(
            f"teachers.{teacher}.classes: {unknown[0]!r} is no class of the corpus{nearest(unknown[0], wanted)}; its "
            f"classes are {', '.join(wanted)}"
        )
    return [by_name.get(named, by_name.get(generic, name)) for (named, generic), name in zip(keys, own, strict=True)]


def _renamed(own: Sequence[str], wanted: Sequence[str], order: Sequence[int]) -> tuple[tuple[str, str], ...]:
    pairs = [(own[place], name) for place, name in zip(order, wanted, strict=True)]
    return tuple((theirs, ours) for theirs, ours in pairs if theirs.casefold() != ours.casefold())


def _plain(own: Sequence[str], wanted: Sequence[str]) -> list[int]:
    ours, theirs = [name.lower() for name in wanted], [name.lower() for name in own]
    return [theirs.index(name) for name in ours] if sorted(ours) == sorted(theirs) else list(range(len(own)))


def _wrong_count(
    teacher: str, columns: int, names: Sequence[str] | None, wanted: Sequence[str], mapping: Mapping[str, str] | None
) -> str:
    if columns == 1 and mapping and len(wanted) == 2:
        return (
            f"teachers.{teacher}.classes: the model gives a single logit, which has no classes to map; its sign is "
            "fitted on golden labels; drop the map"
        )
    given = f" ({', '.join(names)})" if names else ""
    return (
        f"teacher {teacher!r} gives {columns} column(s){given}, but the corpus has {len(wanted)} classes "
        f"({', '.join(wanted)}); right would be {len(wanted)} columns"
        + (" or a single logit" if len(wanted) == 2 else "")
    )
