"""What differs between tasks where a model learns: its rows, the terms of its loss, and when an answer is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tmkd.models.student import aggregate
from tmkd.objectives import SOFT_OBJECTIVES, span_terms, weighted_terms
from tmkd.training.pair_data import PairRows
from tmkd.training.rows import Rows
from tmkd.training.span_data import SpanRows
from tmkd.training.stage import StageSpec
from tmkd.workspace import Workspace

Judge = Callable[[Tensor, Any], tuple[Tensor, Tensor]]
"""Headers' logits [H, B, ...] and targets -> whether each row's answer is right, its log-likelihood: float [B] each."""


@dataclass(frozen=True)
class Lesson:
    """One task.

    Attributes:
        rows: reader of a stage's rows.
        terms: headers' logits, targets and stage -> the sum over rows of every named term.
        judge: of the mean of the headers.
    """

    rows: Callable[[StageSpec, Workspace, PreTrainedTokenizerBase, int], Rows[Any]]
    terms: Callable[[Mapping[str, Tensor], Any, StageSpec], Mapping[str, Tensor]]
    judge: Judge


def judge_pairs(logits: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
    """Judge classes: the most probable one must be the golden one."""
    answer = aggregate(logits)  # [B, C]
    likelihood = answer.gather(1, targets.golden.clamp(min=0)[:, None])[:, 0]
    return (answer.argmax(1) == targets.golden).float(), likelihood


def judge_spans(logits: Tensor, targets: Any) -> tuple[Tensor, Tensor]:
    """Judge spans: the most probable start and end must both be the golden answer's."""
    lowest = torch.finfo(logits.dtype).min
    masked = logits.masked_fill(~targets.allowed[None, :, :, None], lowest)  # [H, B, L, 2]
    answer = aggregate(masked.transpose(2, 3))  # [B, 2, L]
    places = targets.golden.clamp(min=0)  # [B, 2]
    likelihood = answer.gather(2, places[:, :, None])[..., 0].sum(dim=1)
    return (answer.argmax(2) == targets.golden).all(dim=1).float(), likelihood


def _pair_terms(logits: Mapping[str, Tensor], targets: Any, stage: StageSpec) -> dict[str, Tensor]:
    def soft_loss(student: Tensor, teacher: Tensor, rows: Tensor) -> Tensor:
        objective = SOFT_OBJECTIVES[stage.objectives.soft_objective]
        return objective.loss(student, teacher, targets.question, rows, stage.objectives.temperature)

    weights = {header: signal.weight for header, signal in stage.signals.items()}
    return weighted_terms(logits, targets, soft_loss, weights)


def _span_terms(logits: Mapping[str, Tensor], targets: Any, stage: StageSpec) -> dict[str, Tensor]:
    assert stage.reading is not None
    return span_terms(logits, targets, stage.reading.temperature)


LESSONS = {
    "pair": Lesson(PairRows, _pair_terms, judge_pairs),
    "span": Lesson(SpanRows, _span_terms, judge_spans),
}
