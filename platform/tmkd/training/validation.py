"""How good a model is on the validation split while it trains: accuracy and cross-entropy on golden labels."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from tmkd.training.config import EngineConfig
from tmkd.training.lessons import LESSONS, Judge, judge_pairs
from tmkd.training.order import RowRefs
from tmkd.training.rows import MicroBatch
from tmkd.training.stage import Stage
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
        cls, stage: Stage, workspace: Workspace, tokenizer: PreTrainedTokenizerBase, config: EngineConfig
    ) -> Validation | None:
        """Read (at most 2,048 rows of) the validation split; None where there is none."""
        if not stage.validation or not config.validations:
            return None
        reading = stage.reading and dataclasses.replace(stage.reading, confusing=None, attention=None)
        split = dataclasses.replace(
            stage, split="validation", shards=stage.validation, signals={}, golden=True, reading=reading
        )
        lesson = LESSONS[stage.task]
        rows = lesson.rows(split, workspace, tokenizer, 1)
        refs = _first_rows(list(stage.validation.values()), MAX_ROWS)
        weights = np.ones(len(refs), dtype=np.float32)
        micro_batches = list(rows.micro_batches(refs, weights, EVAL_ROWS))
        return cls(micro_batches, stage.headers, config.validations, lesson.judge)

    def is_due(self, done: int, steps: int) -> bool:
        """Tell whether to measure after ``done`` of ``steps`` steps: ``times`` times, evenly, the last at the end."""
        return done in {max(1, round(steps * part / self.times)) for part in range(1, self.times + 1)}

    @torch.inference_mode()
    def measure(self, engine: Any, device: str) -> dict[str, float]:
        """Return ``accuracy`` and ``cross_entropy`` over the rows that have a golden label."""
        correct = loss = count = 0.0
        for micro in self.micro_batches:
            logits = engine({name: value.to(device) for name, value in micro.inputs.items()})
            targets = micro.targets.to(device)
            is_right, likelihood = self.judge(torch.stack([logits[header] for header in self.headers]), targets)
            counts = targets.weight > 0  # of a row without a golden answer the likelihood may be that of none, -inf
            correct += float((is_right * targets.weight).sum())
            loss -= float((likelihood * targets.weight)[counts].sum())
            count += float(targets.weight.sum())
        return {"accuracy": correct / max(count, 1.0), "cross_entropy": loss / max(count, 1.0)}


def _first_rows(shard_rows: list[int], limit: int) -> RowRefs:
    refs = [(shard, row) for shard, rows in enumerate(shard_rows) for row in range(rows)]
    return np.array(refs[:limit], dtype=np.int64).reshape(-1, 2)
