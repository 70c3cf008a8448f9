"""Class index of a label cell, and the number in a grade cell."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tmkd.corpus.class_names import match_name

BAD_LABEL = "label outside the classes"
NEGATIVE_LABEL = "negative label (not judged? then name it in corpus.no_label)"
BAD_GRADE = "grade that is not a finite number"
SHOWN_VALUES = 8


class LabelReader:
    """Reads the labels of one split and remembers what was read otherwise than by its exact name.

    A label is, in this order: a key of ``corpus.labels``, a value of ``corpus.no_label``, the exact name of a class, a
    position in the classes written as a number (``1``, ``"1"``, ``"1.0"``), another spelling of one class
    (`match_name`), or true and false for the second and the first of two classes.

    Attributes:
        renamed: text of the file -> class, for other spellings and for keys of ``corpus.labels``.
        positions: numbers (or true, false) that were read as positions -> class.
        named: whether any label was read by its name.
        unknown: texts that are no label, the first few of them, with their counts.
    """

    def __init__(
        self, classes: Sequence[str], no_label: Sequence[str], mapping: Mapping[str, str | None] | None = None
    ) -> None:
        self._classes = {name: index for index, name in enumerate(classes)}
        self._names = list(classes)
        self._none = {"", *no_label}
        self._mapping = {key.strip().casefold(): target for key, target in (mapping or {}).items()}
        self._known: dict[str, int | None] = {}
        self.renamed: dict[str, str | None] = {}
        self.positions: dict[str, str] = {}
        self.named = False
        self.unknown: Counter[str] = Counter()

    def read(self, value: Any) -> int | None:
        """Return the class index, or None where nobody has judged.

        Raises:
            ValueError: with the reason, if the value is no label.
        """
        text = "" if value is None else str(value)
        if text not in self._known:
            self._known[text] = self._read(text.strip())
        return self._known[text]

    def _read(self, text: str) -> int | None:
        try:
            return self._parse(text)
        except ValueError:
            if text in self.unknown or len(self.unknown) < SHOWN_VALUES:
                self.unknown[text] += 1
            raise

    def _parse(self, text: str) -> int | None:
        # Data frames write a missing number as NaN, and whole numbers beside one with a decimal point: "1.0" is "1".
        whole = _whole(text)
        for written in dict.fromkeys((text, whole)):
            if written.casefold() in self._mapping:
                return self._mapped(written)
            if written in self._none or written.lower() == "nan":
                return None
            if written in self._classes:
                self.named = True
                return self._classes[written]
        if _is_integer(whole):
            return self._position(text, int(whole))
        if (place := match_name(text, self._names)) is not None:
            self.named = True
            self._rename(text, self._names[place])
            return place
        if text.casefold() in ("true", "false") and len(self._names) == 2:
            return self._position(text, int(text.casefold() == "true"))
        raise ValueError(BAD_LABEL)

    def _mapped(self, text: str) -> int | None:
        target = self._mapping[text.casefold()]
        self._rename(text, target)
        return None if target is None else self._classes[target]

    def _rename(self, text: str, target: str | None) -> None:
        if target is None or text.casefold() != target.casefold():
            self.renamed[text] = target

    def _position(self, text: str, index: int) -> int:
        if index < 0:
            raise ValueError(NEGATIVE_LABEL)
        if index >= len(self._names):
            raise ValueError(BAD_LABEL)
        self.positions[text] = self._names[index]
        return index


def _is_integer(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _whole(text: str) -> str:
    """Return a whole number without its decimal point; any other text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def read_grade(value: Any) -> float | None:
    """Return a grade, or None where there is none. Raises `ValueError` with the reason otherwise."""
    text = "" if value is None else str(float(value) if isinstance(value, bool) else value).strip()
    if not text or text.lower() == "nan":
        return None
    try:
        grade = float(text)
    except ValueError:
        raise ValueError(BAD_GRADE) from None
    if not math.isfinite(grade):
        raise ValueError(BAD_GRADE)
    return grade
