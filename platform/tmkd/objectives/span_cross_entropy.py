"""Cross-entropy with a golden answer span: Hu et al. (EMNLP 2018), 3.1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor

from tmkd.objectives.base import Objective, ObjectiveConfig
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import GOLDEN
from tmkd.objectives.windows import within
from tmkd.tasks.signals import SPAN_LOGITS


class SpanCrossEntropyConfig(ObjectiveConfig):
    """Golden answers of spans."""

    name: Literal["span_cross_entropy"] = "span_cross_entropy"

    @classmethod
    def kind(cls) -> type[Objective]:
        return SpanCrossEntropy


class SpanCrossEntropy(Objective):
    """Term ``golden``, of the golden header's pointers."""

    needs_student = frozenset({SPAN_LOGITS})
    needs_golden = True
    term = GOLDEN

    @classmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        return {GOLDEN: [GOLDEN]}

    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        start, end = within(student[SPAN_LOGITS][GOLDEN], targets.allowed)
        return {GOLDEN: (span_cross_entropy(start, end, targets.golden) * targets.of(GOLDEN)).sum()}


def span_cross_entropy(start: Tensor, end: Tensor, golden: Tensor) -> Tensor:
    """Return ``-log p1(k) - log p2(l)`` for each row.

    The paper's end pointer is conditioned on the start, p2(l | k); heads over an encoder are independent.

    Args:
        start: float [B, L]; -inf where an answer cannot start.
        end: float [B, L]; -inf where an answer cannot end.
        golden: int64 [B, 2], first and last token of the answer; a row of -1 has no golden label and gives 0.

    Returns:
        float [B].

    Example:
        >>> import torch
        >>> span_cross_entropy(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([[0, 1]]))
        tensor([1.3863])
    """
    first, last = golden.unbind(dim=1)
    of_start = F.cross_entropy(start, first, ignore_index=-1, reduction="none")
    return of_start + F.cross_entropy(end, last, ignore_index=-1, reduction="none")
