"""The shape of a student: what decides how fast it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """A kind of student with its size.

    Attributes:
        student: ``encoder`` or ``bi_lstm``.
        size: layers of an encoder, hidden units of each direction of a Bi-LSTM.
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
        return {"student": self.student, ("layers" if self.student == "encoder" else "hidden"): self.size}
