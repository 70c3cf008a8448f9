"""What reading the rows of a stage is, whatever the task: shards in memory, micro-batches out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tmkd.objectives.span_targets import SpanTargets
from tmkd.objectives.targets import Targets
from tmkd.text.features import Features, Ragged, Template
from tmkd.text.tokens import TokenCache
from tmkd.training.order import Groups, RowRefs, worker_slice
from tmkd.training.stage import StageSpec
from tmkd.workspace import Workspace

FloatArray = npt.NDArray[np.float32]


class ShardInMemory(Protocol):
    """One shard's rows."""

    @property
    def present(self) -> FloatArray:
        """float32 [n, T]: 1 where the row has the label of a term, in the order of `StageSpec.terms`; else 0."""


Shard = TypeVar("Shard", bound=ShardInMemory)


@dataclass(frozen=True)
class MicroBatch:
    """Model inputs (int64 [B, L] each) and what to learn from them."""

    inputs: dict[str, Tensor]
    targets: Targets | SpanTargets


class Rows(ABC, Generic[Shard]):
    """Reads a stage's shards, keeping at most two shuffle windows in memory.

    Args:
        stage: whose rows.
        workspace: where they lie.
        tokenizer: of the model that learns.
        window: shards that are shuffled together.
    """

    def __init__(self, stage: StageSpec, workspace: Workspace, tokenizer: PreTrainedTokenizerBase, window: int) -> None:
        self.stage = stage
        self.workspace = workspace
        self.remarks: list[str] = []  # what the user should be told of the rows, once the stage is trained
        self.template = Template.of(tokenizer, 2)
        self.features = Features(self.template, stage.max_length)
        self.tokens = TokenCache(workspace, stage.data.corpus, stage.data.fingerprints, tokenizer)
        names = list(stage.data.shards)
        self._shard = lru_cache(maxsize=2 * window)(lambda index: self.read(names[index]))

    @abstractmethod
    def read(self, shard: str) -> Shard:
        """Read one shard."""

    def parts(self, batch: RowRefs, rank: int, world: int, size: int) -> list[MicroBatch]:
        """Return a worker's share of a global batch in micro-batches of about ``size``, as many as any other worker."""
        mine, weights = worker_slice(batch, rank, world)
        return list(self.micro_batches(mine, weights, size))

    @property
    def groups(self) -> Groups | None:
        """What keeps rows together that an objective compares; None where rows are learned apart."""
        return None

    @abstractmethod
    def micro_batches(self, refs: RowRefs, weights: FloatArray, size: int) -> Iterator[MicroBatch]:
        """Cut a worker's rows into micro-batches of at most ``size``, like lengths together."""

    def present(self, refs: RowRefs) -> FloatArray:
        """Return float32 [B, T]: 1 where a row has the label of a term (`StageSpec.terms`), else 0."""
        return np.array([self._shard(int(shard)).present[row] for shard, row in refs], dtype=np.float32)

    def counts(self, refs: RowRefs) -> dict[str, float]:
        """Return term -> how many of some rows it learns from."""
        return dict(zip(self.stage.terms, self.present(refs).sum(axis=0).tolist(), strict=True))

    def learnable(self, shard: int) -> npt.NDArray[np.int64]:
        """Return the rows of a shard that any term learns from, in order."""
        return np.flatnonzero(self._shard(shard).present.any(axis=1))

    def weights(self, padding: FloatArray, present: FloatArray) -> dict[str, Tensor]:
        """Return term -> weights of some rows, float [B], of their padding weights [B] and `present` [B, T]."""
        return {term: torch.from_numpy(padding * present[:, place]) for place, term in enumerate(self.stage.terms)}


def gather(columns: Sequence[Ragged], rows: Sequence[int]) -> Ragged:
    """Return one row of each column as a column of their own."""
    texts = [column.row(row) for column, row in zip(columns, rows, strict=True)]
    return Ragged.of(texts, columns[0].values.dtype)
