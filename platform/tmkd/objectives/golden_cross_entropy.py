"""Cross-entropy with the golden label, teacher T0: Yang et al. (WSDM 2020), Eq. (1) and (2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import GOLDEN
from tmkd.tasks.signals import CLASS_LOGITS


class CrossEntropyConfig(ObjectiveConfig):
    """Golden labels of pairs."""

    name: Literal["cross_entropy"] = "cross_entropy"

    @classmethod
    def kind(cls) -> type[Objective]:
        return GoldenCrossEntropy


class GoldenCrossEntropy(Objective):
    """Term ``golden``, l_g of Eq. (2), of the golden header."""

    needs_student = frozenset({CLASS_LOGITS})
    needs_golden = True
    term = GOLDEN

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return {GOLDEN: [GOLDEN]}

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        rows = golden_cross_entropy(student[CLASS_LOGITS][GOLDEN], targets.golden)
        return {GOLDEN: (rows * targets.of(GOLDEN)).sum()}


def golden_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Return ``-log P(label)`` for each row.

    Args:
        logits: float [B, C] of the golden header.
        label: int64 [B], class indices; a row of -1 has no golden label and gives 0.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> golden_cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
        tensor([0.6931])
    """
    return F.cross_entropy(logits, label, ignore_index=-1, reduction="none")
