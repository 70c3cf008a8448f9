"""Rows that classify pairs: tokens, golden labels and soft labels of a shard, joined by id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tmkd.objectives import Targets
from tmkd.soft_labels.calibration import to_class_logits
from tmkd.soft_labels.join import join_shard
from tmkd.soft_labels.store import LabelStore
from tmkd.tasks.features import Ragged
from tmkd.training.order import RowRefs
from tmkd.training.rows import MicroBatch, Rows, gather

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ShardRows:
    """One shard in memory.

    Attributes:
        question, passage: tokens of the n rows.
        golden: int64 [n], -1 where there is none.
        soft: header -> float32 [n, C] class logits.
        usable: float32 [n], 0 where a label that the stage learns from is missing.
    """

    question: Ragged
    passage: Ragged
    golden: npt.NDArray[np.int64]
    soft: dict[str, FloatArray]
    usable: FloatArray


class PairRows(Rows[ShardRows]):
    """Reads the shards of a stage that classifies pairs."""

    def micro_batches(self, refs: RowRefs, weights: FloatArray, size: int) -> Iterator[MicroBatch]:
        shards = [self._shard(int(shard)) for shard, _ in refs]
        rows = refs[:, 1]
        question = gather([shard.question for shard in shards], rows.tolist())
        passage = gather([shard.passage for shard in shards], rows.tolist())
        golden = np.array([shard.golden[row] for shard, row in zip(shards, rows, strict=True)], dtype=np.int64)
        soft = {
            header: np.stack([shard.soft[header][row] for shard, row in zip(shards, rows, strict=True)])
            for header in self.stage.signals
        }
        weights = weights * np.array([s.usable[r] for s, r in zip(shards, rows, strict=True)], dtype=np.float32)
        order = np.argsort(self.features.lengths(question, passage), kind="stable")
        for start in range(0, len(order), size):
            picked = order[start : start + size]
            inputs = self.features.batch(picked, question, passage)
            yield MicroBatch(
                {name: torch.from_numpy(value) for name, value in inputs.items()},
                Targets(
                    golden=torch.from_numpy(golden[picked]) if self.stage.golden else None,
                    soft={header: torch.from_numpy(value[picked]) for header, value in soft.items()},
                    weight=torch.from_numpy(weights[picked]),
                ),
            )

    def read(self, shard: str) -> ShardRows:
        stage = self.stage
        teachers = sorted({teacher for signal in stage.signals.values() for teacher in signal.teachers})
        stores = {name: LabelStore(self.workspace, stage.corpus, stage.split, name) for name in teachers}
        joined = join_shard(self.workspace, stage.corpus, stage.split, shard, stores)
        _, question = self.tokens.read(stage.split, shard, "question")
        _, passage = self.tokens.read(stage.split, shard, "passage")
        soft = {header: self._mean(joined.logits, header) for header in stage.signals}
        golden = joined.labels
        usable = golden >= 0 if stage.golden else np.ones(len(golden), dtype=bool)
        for logits in soft.values():
            usable &= np.isfinite(logits).all(axis=1)
        clean = {
            header: np.nan_to_num(logits, posinf=0.0, neginf=0.0).astype(np.float32) for header, logits in soft.items()
        }
        return ShardRows(question, passage, golden, clean, usable.astype(np.float32))

    def _mean(self, logits: dict[str, FloatArray], header: str) -> FloatArray:
        signal = self.stage.signals[header]
        each = [
            to_class_logits(logits[teacher], calibration, len(self.stage.classes))
            for teacher, calibration in zip(signal.teachers, signal.calibrations, strict=True)
        ]
        return np.mean(each, axis=0, dtype=np.float32)
