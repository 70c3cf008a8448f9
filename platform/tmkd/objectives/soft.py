"""What the objectives on soft labels of pairs have in common: one loss per header, and the mean over headers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tmkd.objectives.base import Objective
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import SOFT, soft_term, soft_terms
from tmkd.tasks.signals import CLASS_LOGITS


class SoftObjective(Objective):
    """Term ``soft``, l_s of Eq. (4): the mean over headers, weighed by the setting's ``header_weights``.

    ``soft:NAME`` is each header's own l_si, which is logged but not weighed again.
    """

    needs_student = frozenset({CLASS_LOGITS})
    needs_teacher = frozenset({CLASS_LOGITS})
    term = SOFT

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return soft_terms(headers)

    @abstractmethod
    def rows(self, student: Tensor, teacher: Tensor, question: Tensor | None, weight: Tensor) -> Tensor:
        """Return the loss of each row, float [B].

        Args:
            student: float [B, C], logits of a header.
            teacher: float [B, C], logits of its teacher.
            question: int64 [B], the same number for candidates of one question; None where nobody compares them.
            weight: float [B]; 0 for rows without the label.
        """

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        teachers = signals[CLASS_LOGITS]
        weights = {header: self.setting.header_weights.get(header, 1.0) for header in teachers}
        for header, teacher in teachers.items():
            weight = targets.of(soft_term(header))
            rows = self.rows(student[CLASS_LOGITS][header], teacher, targets.question, weight)
            terms[soft_term(header)] = (rows * weight).sum()
        weighed = [terms[soft_term(header)] * weight for header, weight in weights.items()]
        return {**terms, SOFT: torch.stack(weighed).sum() / sum(weights.values())}
