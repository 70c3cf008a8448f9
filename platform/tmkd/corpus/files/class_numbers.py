"""Class numbers of a column whose file or hub data set names them: read by those names, never by position."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tmkd.corpus.class_names import is_generic
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.labels import LabelReader
from tmkd.errors import UserError

NOT_LABELLED = -1
"""Class number that `datasets` gives a row without a label."""


def names_in_metadata(schema: pa.Schema, column: str) -> list[str] | None:
    """Return the class names that `datasets` has written into a file's schema for a column; None if there are none."""
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        feature = json.loads(text)["info"]["features"][column] if text else None
    except (ValueError, KeyError, TypeError):
        return None
    return names_of_feature(feature.get("names")) if isinstance(feature, dict) else None


def names_of_feature(names: Any) -> list[str] | None:
    """Return class names in the order of their numbers, from a list or a mapping ``{"0": name}``; None if neither."""
    if isinstance(names, Mapping):
        try:
            names = [names[key] for key in sorted(names, key=int)]
        except (TypeError, ValueError):
            return None
    is_list = isinstance(names, Sequence) and not isinstance(names, str)
    return [str(name) for name in names] if is_list and names else None


class ClassNumbers:
    """Turns the class numbers of one column into the names that they have in their file."""

    def __init__(self, names: Sequence[str], config: CorpusConfig, column: str, where: str) -> None:
        """Check that the recipe's classes have all of the names.

        Raises:
            UserError: naming both sides and the map that would help, if they do not.
        """
        self._names = None if is_generic(names) and not set(names) & set(config.classes) else list(names)
        self._as_number = {*config.no_label, *config.labels}
        if self._names:
            _check(self._names, config, column, where)

    def texts(self, values: Sequence[Any]) -> list[Any]:
        """Return the values with names in place of whole numbers; null where there is no label."""
        return list(values) if self._names is None else [self._text(value, self._names) for value in values]

    def _text(self, value: Any, names: list[str]) -> Any:
        number = _number(value)
        if number is None or str(number) in self._as_number:
            return value
        if number == NOT_LABELLED:
            return None
        return names[number] if 0 <= number < len(names) else f"{number} (a number without a name)"


def _number(value: Any) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value) if float(value).is_integer() else None
    except (TypeError, ValueError, OverflowError):
        return None


def _check(names: Sequence[str], config: CorpusConfig, column: str, where: str) -> None:
    labels = LabelReader(config.classes, config.no_label, config.labels)
    unknown = []
    for number, name in enumerate(names):
        try:
            labels.read(number if str(number) in config.labels else name)
        except ValueError:
            unknown.append(name)
    if unknown:
        several = len(unknown) > 1
        raise UserError(
            f"{where}: column {column!r} has the classes {', '.join(names)}, but {' and '.join(unknown)} "
            f"{'are' if several else 'is'} not among corpus.classes: {', '.join(config.classes)}; name those, or map "
            f"{'them' if several else 'it'}: corpus.labels: {suggested_map(unknown)}"
        )


def suggested_map(names: Sequence[str]) -> str:
    """Return the ``corpus.labels`` that a user would complete for names that are unknown."""
    entries = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: CLASS" for name in names)
    return f"{{{entries}}} (one of corpus.classes; null = not judged)"
