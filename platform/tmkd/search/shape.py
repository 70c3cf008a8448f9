"""The shape of a student: what decides how fast it is."""

from __future__ import annotations

from dataclasses import dataclass

from tmkd.students.registry import kind_of


@dataclass(frozen=True)
class Shape:
    """A kind of student with its size.

    Attributes:
        student: name of the kind.
        size: on the axis of its kind: layers of an encoder, hidden units of each direction of a Bi-LSTM.
    """

    student: str
    size: int

    @property
    def name(self) -> str:
        return f"{self.student}-{self.size}"

    @classmethod
    def of(cls, name: str) -> Shape:
        """Read what `name` wrote."""
        student, _, size = name.rpartition("-")
        return cls(student, int(size))

    def settings(self) -> dict[str, int | str]:
        """Return the shape as a trial's flat parameters."""
        return {"student": self.student, kind_of(self.student).axis: self.size}
