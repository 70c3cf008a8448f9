"""What every runtime does: length-sorted batches over token columns, rows back in their order, bad rows set apart."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError
from tmkd.runtimes.batching import MAX_ROWS, halves, token_budget_batches
from tmkd.tasks.features import Features, IntArray, Ragged, Template

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int], None]
Values = TypeVar("Values")
PROGRESS_BATCHES = 8
log = logging.getLogger(__name__)


def no_progress(rows: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Scored(Generic[Values]):
    """Scores of n rows.

    Attributes:
        values: float32 [n, C], or what a span reader says; not finite where a row could not be scored.
        faults: row -> why it could not be scored. A row whose score merely came out as NaN is not listed.
    """

    values: Values
    faults: dict[int, str] = field(default_factory=dict)


class Runtime(ABC):
    """Runs one frozen network over token columns.

    Args:
        features: builds the network's inputs.
        batch_tokens: tokens of a batch, padding included.
        vocabulary: token ids that the network knows.
        width: C, numbers a row.
    """

    def __init__(self, features: Features, batch_tokens: int, vocabulary: int, width: int) -> None:
        self.features = features
        self.batch_tokens = batch_tokens
        self.vocabulary = vocabulary
        self.width = width

    @abstractmethod
    def forward(self, inputs: dict[str, IntArray]) -> FloatArray:
        """Return the network's scores of one batch, float32 [B, C]; inputs are int64 [B, L]."""

    def is_out_of_memory(self, error: Exception) -> bool:
        """Tell whether a smaller batch may succeed where ``error`` was raised."""
        return isinstance(error, MemoryError) or "memory" in str(error).lower()

    def run(self, *columns: Ragged, progress: Progress = no_progress) -> Scored[FloatArray]:
        """Score every row: one text a row, or a question and a passage.

        A batch that fails is halved until the rows at fault stand alone; the others keep their scores. After
        running out of memory, later batches of that size are halved beforehand.

        Args:
            columns: token columns of n rows each.
            progress: called with the number of rows done so far, every few batches.

        Raises:
            UserError: if the network fails on every row, so that none of them is to blame, or would, as it has no
                embeddings of its tokenizer's special tokens.
        """
        return _Run(self, columns, progress).scored()


class _Run:
    """One pass of a runtime over its rows."""

    def __init__(self, runtime: Runtime, columns: tuple[Ragged, ...], progress: Progress) -> None:
        check_special_tokens(runtime.features.template, runtime.vocabulary)
        self.runtime, self.columns, self.progress = runtime, columns, progress
        self.lengths = runtime.features.lengths(*columns)
        self.faults = _unknown_tokens(columns, runtime.vocabulary)
        self.values = np.full((len(self.lengths), runtime.width), np.nan, dtype=np.float32)
        self.scored_any = False
        self.too_large = np.inf  # tokens of a batch that did not fit into memory

    def scored(self) -> Scored[FloatArray]:
        total = len(self.lengths)
        good = np.array([row for row in range(total) if row not in self.faults], dtype=np.int64)
        done = len(self.faults)
        equal = not self.runtime.features.may_pad
        batches = token_budget_batches(self.lengths[good], self.runtime.batch_tokens, MAX_ROWS, equal)
        for index, batch in enumerate(batches):
            self._score(good[batch])
            done += len(batch)
            if index % PROGRESS_BATCHES == 0:
                self.progress(done)
            if not self.scored_any and len(batch) > 1:
                raise UserError(f"the model fails on every pair it is given ({self.faults[int(good[batch[0]])]})")
        self.progress(total)
        return Scored(self.values, self.faults)

    def _score(self, rows: IntArray) -> None:
        if len(rows) > 1 and len(rows) * int(self.lengths[rows].max()) >= self.too_large:
            self._halve(rows)
            return
        try:
            found = self.runtime.forward(self.runtime.features.batch(rows, *self.columns))
        except UserError:
            raise
        except Exception as error:  # whatever a model's code may throw: find the rows that make it
            self._failed(rows, error)
            return
        self.values[rows] = found
        self.scored_any = True

    def _failed(self, rows: IntArray, error: Exception) -> None:
        if self.runtime.is_out_of_memory(error):
            tokens = len(rows) * int(self.lengths[rows].max())
            log.warning("a batch of %d tokens does not fit into memory; halving it", tokens)
            self.too_large = min(self.too_large, tokens)
        if len(rows) > 1:
            self._halve(rows)
        else:
            said = str(error).strip().partition("\n")[0][:200]
            self.faults[int(rows[0])] = f"{type(error).__name__}: {said}" if said else type(error).__name__

    def _halve(self, rows: IntArray) -> None:
        for half in halves(rows):
            self._score(half)


def check_special_tokens(template: Template, vocabulary: int) -> None:
    """Raise `UserError` where every row would hold a token without an embedding: on a GPU it would end the process."""
    beyond = sorted({token for part in template.parts for token in (*part, template.pad_id) if token >= vocabulary})
    if beyond:
        raise UserError(
            f"its tokenizer puts special tokens {', '.join(map(str, beyond))} around every text, but it has "
            f"{vocabulary} embeddings; resize_token_embeddings and save it, or give the tokenizer it was trained with"
        )


def _unknown_tokens(columns: tuple[Ragged, ...], vocabulary: int) -> dict[int, str]:
    """Return the rows with a token that the network has no embedding for; on a GPU they would end the process."""
    faults: dict[int, str] = {}
    for column in columns:
        for place in np.flatnonzero(column.values >= vocabulary):
            row = int(np.searchsorted(column.offsets, place, side="right")) - 1
            faults[row] = f"token id {column.values[place]} is beyond the model's {vocabulary} embeddings"
    return faults
