"""Lessons: the part of each task that differs where a model learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tmkd.models.student import aggregate
from tmkd.tasks.base import load_part
from tmkd.tasks.registry import task_of
from tmkd.training.card_examples import READ, SCORE
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
        judge: of the mean of the headers.
        tag: Hugging Face's name of the task, for the model card.
        example: code of the model card that uses the finished model.
    """

    rows: Callable[[StageSpec, Workspace, PreTrainedTokenizerBase, int], Rows[Any]]
    judge: Judge
    tag: str
    example: str


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


PAIR_LESSON = Lesson(PairRows, judge_pairs, "text-classification", SCORE)
SPAN_LESSON = Lesson(SpanRows, judge_spans, "question-answering", READ)


def lesson_of(task: str) -> Lesson:
    """Return how models learn a task."""
    return cast(Lesson, load_part(task_of(task).lesson))
