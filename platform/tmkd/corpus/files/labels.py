"""From what stands in a label or grade cell to a class index or a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

BAD_LABEL = "label outside the classes"
BAD_GRADE = "grade that is not a finite number"


class LabelReader:
    """Reads labels: class names, or indices written as numbers (``1``, ``"1"``, ``"1.0"``, ``true``)."""

    def __init__(self, classes: Sequence[str], no_label: Sequence[str]) -> None:
        self._classes = {name: index for index, name in enumerate(classes)}
        self._none = {"", *no_label}
        self._known: dict[str, int | None] = {}

    def read(self, value: Any) -> int | None:
        """Return the class index, or None where nobody has judged.

        Raises:
            ValueError: with the reason, if the value is neither a class name nor an index.
        """
        text = "" if value is None else str(value)
        if text not in self._known:
            self._known[text] = self._parse(text.strip())
        return self._known[text]

    def _parse(self, text: str) -> int | None:
        # Data frames write a missing number as NaN, and whole numbers beside one with a decimal point: "1.0" is "1".
        for written in dict.fromkeys((text, _whole(text))):
            if written in self._none or written.lower() == "nan":
                return None
            if written in self._classes:
                return self._classes[written]
        if text in ("True", "False") and len(self._classes) == 2:
            return int(text == "True")
        try:
            index = int(_whole(text))
        except ValueError:
            raise ValueError(BAD_LABEL) from None
        if not 0 <= index < len(self._classes):
            raise ValueError(BAD_LABEL)
        return index


def _whole(text: str) -> str:
    """Return a whole number without its decimal point; any other text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text


def read_grade(value: Any) -> float | None:
    """Return a grade, or None where there is none. Raises `ValueError` with the reason otherwise."""
    text = "" if value is None else str(value).strip()
    if not text or text.lower() == "nan":
        return None
    try:
        grade = float(text)
    except ValueError:
        raise ValueError(BAD_GRADE) from None
    if not math.isfinite(grade):
        raise ValueError(BAD_GRADE)
    return grade
