"""How good a model is on the validation split while it trains: accuracy and cross-entropy on golden labels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.weighed import GOLDEN
from tmkd.training.config import EngineConfig
from tmkd.training.lessons import Judge, judge_pairs, lesson_of
from tmkd.training.order import RowRefs
from tmkd.training.rows import MicroBatch, Rows
from tmkd.training.stage import StageSpec
from tmkd.workspace import Workspace

MAX_ROWS = 2048
EVAL_ROWS = 64


@dataclass
class Validation:
    """Measures the headers of a stage, averaged as the finished model averages them."""

    micro_batches: list[MicroBatch]
    headers: list[str]
    times: int
    judge: Judge = judge_pairs

    @classmethod
    def of(
        cls, stage: StageSpec, workspace: Workspace, tokenizer: PreTrainedTokenizerBase, config: EngineConfig
    ) -> Validation | None:
        """Read the validation split's judged rows, at most 2,048 of them; None where there is none."""
        if not stage.data.validation or not config.validations:
            return None
        split = _on_validation(stage)
        lesson = lesson_of(stage.task)
        rows = lesson.rows(split, workspace, tokenizer, 1)
        refs = _first_rows(rows, len(stage.data.validation), MAX_ROWS)
        if not len(refs):
            return None
        weights = np.ones(len(refs), dtype=np.float32)
        micro_batches = list(rows.micro_batches(refs, weights, EVAL_ROWS))
        return cls(micro_batches, stage.headers, min(config.validations, stage.steps), lesson.judge)

    def is_due(self, done: int, steps: int) -> bool:
        """Tell whether to measure after ``done`` of ``steps`` steps: ``times`` times, evenly, the last at the end."""
        return done in {max(1, round(steps * part / self.times)) for part in range(1, self.times + 1)}

    @torch.inference_mode()
    def measure(self, engine: Any, device: str) -> dict[str, float]:
        """Return ``accuracy`` and ``cross_entropy`` over the rows that have a golden label; nothing without one."""
        correct = loss = count = 0.0
        for micro in self.micro_batches:
            logits = engine({name: value.to(device) for name, value in micro.inputs.items()})
            targets = micro.targets.to(device)
            is_right, likelihood = self.judge(torch.stack([logits[header] for header in self.headers]), targets)
            judged = targets.of(GOLDEN)
            counts = judged > 0  # of a row without a golden answer the likelihood may be that of none, -inf
            correct += float((is_right * judged).sum())
            loss -= float((likelihood * judged)[counts].sum())
            count += float(judged.sum())
        return {"accuracy": correct / count, "cross_entropy": loss / count} if count else {}


def _on_validation(stage: StageSpec) -> StageSpec:
    """Return the stage with the golden labels of the validation split for all that it learns from."""
    return dataclasses.replace(
        stage,
        data=dataclasses.replace(stage.data, split="validation", shards=stage.data.validation),
        objectives=(SpanCrossEntropyConfig() if stage.reading else CrossEntropyConfig(),),
        reading=stage.reading and dataclasses.replace(stage.reading, confusing=None, attention=None),
        signals={},
    )


def _first_rows(rows: Rows[Any], shards: int, limit: int) -> RowRefs:
    """Return the first rows that have a golden label, int64 [at most limit, 2]."""
    found = np.empty((0, 2), dtype=np.int64)
    for shard in range(shards):
        judged = rows.learnable(shard)
        found = np.concatenate([found, np.stack([np.full(len(judged), shard), judged], axis=1)])
        if len(found) >= limit:
            break
    return found[:limit]
