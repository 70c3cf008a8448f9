"""Rows that classify pairs: tokens, golden labels and soft labels of a shard, joined by id."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tmkd.objectives.targets import Targets
from tmkd.objectives.weighed import GOLDEN
from tmkd.soft_labels.calibration import to_class_logits
from tmkd.soft_labels.join import join_shard
from tmkd.soft_labels.mean import mean_of_scored
from tmkd.soft_labels.store import LabelStore
from tmkd.text.features import Ragged
from tmkd.training.order import Groups, RowRefs, group_numbers, whole_groups
from tmkd.training.rows import MicroBatch, Rows, gather
from tmkd.workspace import corpus_folder

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ShardRows:
    """One shard in memory.

    Attributes:
        question, passage: tokens of the n rows.
        golden: int64 [n], -1 where there is none.
        soft: header -> float32 [n, C] class logits.
        present: float32 [n, T], 1 where the row has the label of a term of the stage.
        group: int64 [n], the same number for candidates of one question; all 0 where nobody compares them.
    """

    question: Ragged
    passage: Ragged
    golden: npt.NDArray[np.int64]
    soft: dict[str, FloatArray]
    present: FloatArray
    group: npt.NDArray[np.int64]


class PairRows(Rows[ShardRows]):
    """Reads the shards of a stage that classifies pairs."""

    @property
    def groups(self) -> Groups | None:
        return (lambda shard: self._shard(shard).group) if self.stage.compares else None

    def parts(self, batch: RowRefs, rank: int, world: int, size: int) -> list[MicroBatch]:
        if self.groups is None:
            return super().parts(batch, rank, world, size)
        number = group_numbers(batch, self.groups)
        each = math.ceil(math.ceil(len(batch) / world) / size)
        cut = whole_groups(number, self._lengths(batch), world * each)[rank::world]
        return [self._of_questions(batch, rows, number) for rows in cut]

    def _of_questions(self, batch: RowRefs, rows: npt.NDArray[np.int64], number: npt.NDArray[np.int64]) -> MicroBatch:
        """Return all of ``rows`` as one micro-batch; a row of weight 0 where there are none."""
        picked = rows if len(rows) else np.zeros(1, dtype=np.int64)
        weights = np.full(len(picked), float(len(rows) > 0), dtype=np.float32)
        (micro,) = self.micro_batches(batch[picked], weights, len(picked), number[picked])
        return micro

    def _lengths(self, refs: RowRefs) -> npt.NDArray[np.int64]:
        shards, rows = [self._shard(int(shard)) for shard, _ in refs], refs[:, 1].tolist()
        columns = (gather([s.question for s in shards], rows), gather([s.passage for s in shards], rows))
        return self.features.lengths(*columns)

    def micro_batches(
        self, refs: RowRefs, weights: FloatArray, size: int, number: npt.NDArray[np.int64] | None = None
    ) -> Iterator[MicroBatch]:
        shards = [self._shard(int(shard)) for shard, _ in refs]
        rows = refs[:, 1]
        question = gather([shard.question for shard in shards], rows.tolist())
        passage = gather([shard.passage for shard in shards], rows.tolist())
        golden = np.array([shard.golden[row] for shard, row in zip(shards, rows, strict=True)], dtype=np.int64)
        soft = {
            header: np.stack([shard.soft[header][row] for shard, row in zip(shards, rows, strict=True)])
            for header in self.stage.signals
        }
        present = self.present(refs)
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
                    question=None if number is None else torch.from_numpy(number[picked]),
                    weights=self.weights(weights[picked], present[picked]),
                ),
            )

    def read(self, shard: str) -> ShardRows:
        stage = self.stage
        teachers = sorted({teacher for signal in stage.signals.values() for teacher in signal.teachers})
        stores = {name: LabelStore(self.workspace, stage.data.corpus, stage.data.split, name) for name in teachers}
        joined = join_shard(self.workspace, stage.data.corpus, stage.data.split, shard, stores)
        _, question = self.tokens.read(stage.data.split, shard, "question")
        _, passage = self.tokens.read(stage.data.split, shard, "passage")
        soft = {header: self._mean(joined.logits, header) for header in stage.signals}
        golden = joined.labels
        present: list[npt.NDArray[np.bool_]] = [golden >= 0] if GOLDEN in stage.terms else []
        present += [np.asarray(np.isfinite(logits).all(axis=1)) for logits in soft.values()]
        clean = {
            header: np.nan_to_num(logits, posinf=0.0, neginf=0.0).astype(np.float32) for header, logits in soft.items()
        }
        group = self._questions(shard) if stage.compares else np.zeros(len(golden), dtype=np.int64)
        return ShardRows(question, passage, golden, clean, np.stack(present, axis=1).astype(np.float32), group)

    def _questions(self, shard: str) -> npt.NDArray[np.int64]:
        path = f"{corpus_folder(self.stage.data.corpus, self.stage.data.split)}/{shard}"
        asked = self.workspace.read_table(path, columns=["question_id"])["question_id"].combine_chunks()
        codes: npt.NDArray[np.int64] = asked.dictionary_encode().indices.to_numpy().astype(np.int64)
        return codes

    def _mean(self, logits: dict[str, FloatArray], header: str) -> FloatArray:
        signal = self.stage.signals[header]
        each = [
            to_class_logits(logits[teacher], calibration, len(self.stage.data.classes))
            for teacher, calibration in zip(signal.teachers, signal.calibrations, strict=True)
        ]
        return mean_of_scored(each, signal.shares)
