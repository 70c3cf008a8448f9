"""The objectives on soft labels that a recipe can name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from tmkd.objectives.candidates import relevance
from tmkd.objectives.margin_mse import margin_mse
from tmkd.objectives.ranknet import ranknet
from tmkd.objectives.soft_label_kl import soft_label_kl
from tmkd.objectives.soft_label_mse import soft_label_mse


@dataclass(frozen=True)
class SoftObjective:
    """A loss on one soft header.

    Attributes:
        of_rows: of the student's and the teacher's logits [B, C] at a temperature, float [B]; or None.
        of_candidates: of their scores [B], question numbers [B] and weights [B], float [B]; or None.
    """

    of_rows: Callable[[Tensor, Tensor, float], Tensor] | None = None
    of_candidates: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor] | None = None

    @property
    def compares(self) -> bool:
        """Whether it needs a question's candidates side by side, and two classes."""
        return self.of_candidates is not None

    def loss(
        self, student: Tensor, teacher: Tensor, question: Tensor | None, weight: Tensor, temperature: float
    ) -> Tensor:
        """Return the loss of each row, float [B]."""
        if self.of_candidates is None:
            assert self.of_rows is not None
            return self.of_rows(student, teacher, temperature)
        assert question is not None
        return self.of_candidates(relevance(student), relevance(teacher), question, weight)


SOFT_OBJECTIVES = {
    "mse": SoftObjective(of_rows=lambda student, teacher, temperature: soft_label_mse(student, teacher)),
    "kl": SoftObjective(of_rows=soft_label_kl),
    "margin_mse": SoftObjective(of_candidates=margin_mse),
    "ranknet": SoftObjective(of_candidates=ranknet),
}
