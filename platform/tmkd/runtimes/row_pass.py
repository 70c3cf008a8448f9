"""One pass of a runtime over its rows: failed batches are halved, bad rows set apart, a full memory is made room in."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tmkd.errors import UserError
from tmkd.runtimes.batching import MAX_ROWS, halves, token_budget_batches
from tmkd.runtimes.failures import DeviceError, Kind, kind_of, summary
from tmkd.runtimes.scored import FloatArray, Progress, Scored
from tmkd.text.features import Features, IntArray, Ragged, Template

PROGRESS_BATCHES = 8
FIRST_ROWS = 32
"""Rows that fail before any is scored, after which the model is to blame and not the rows."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Failure:
    """Kind and summary of an error; never the error itself, whose traceback would keep the batch's tensors."""

    kind: Kind
    reason: str


class Forward(Protocol):
    """What a pass needs of a runtime (`tmkd.runtimes.base.Runtime`)."""

    features: Features
    batch_tokens: int
    vocabulary: int
    width: int
    too_large: int | None

    def forward(self, inputs: dict[str, IntArray]) -> FloatArray: ...

    def free_memory(self) -> None: ...

    def is_usable(self) -> bool: ...


class RowPass:
    """One pass of a runtime over its rows; see `tmkd.runtimes.base.Runtime.run`."""

    def __init__(self, runtime: Forward, columns: tuple[Ragged, ...], progress: Progress) -> None:
        check_special_tokens(runtime.features.template, runtime.vocabulary)
        self.runtime, self.columns, self.progress = runtime, columns, progress
        self.lengths = runtime.features.lengths(*columns)
        self.faults = _unknown_tokens(columns, runtime.vocabulary)
        self.values = np.full((len(self.lengths), runtime.width), np.nan, dtype=np.float32)
        self.scored_any = False
        self.failed = 0

    def scored(self) -> Scored[FloatArray]:
        """Score every row. Raises `UserError` or `DeviceError` where no row is to blame."""
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
        self.progress(total)
        return Scored(self.values, self.faults)

    def _score(self, batch: IntArray) -> None:
        """Score a batch, in halves where it fails. Not recursive: nothing of a failed pass is alive in the next."""
        todo = [batch]
        while todo:
            rows = todo.pop()
            failure = None
            if not self._is_too_large(rows):
                failure = self._attempt(rows)
                if failure is None:
                    continue
                failure = self._judge(rows, failure)
            if len(rows) > 1:
                todo.extend(reversed(halves(rows)))
            elif failure is not None:
                self._blame(int(rows[0]), failure)

    def _attempt(self, rows: IntArray) -> _Failure | None:
        try:
            found = self.runtime.forward(self.runtime.features.batch(rows, *self.columns))
        except UserError:
            raise
        except Exception as error:  # whatever a model's code may throw
            return _Failure(kind_of(error), summary(error))
        self.values[rows] = found
        self.scored_any = True
        return None

    def _judge(self, rows: IntArray, failure: _Failure) -> _Failure | None:
        """Return what the rows are to blame for; None once they are scored. Raises where they are not to blame."""
        if failure.kind == "memory":
            return self._make_room(rows, failure)
        if failure.kind == "device" or not self.runtime.is_usable():
            raise DeviceError(failure.reason)
        return failure

    def _make_room(self, rows: IntArray, failure: _Failure) -> _Failure | None:
        tokens = self._tokens(rows)
        self.runtime.free_memory()
        if len(rows) > 1:
            log.warning("a batch of %d tokens does not fit into memory; halving it", tokens)
            self.runtime.too_large = min(self.runtime.too_large or tokens, tokens)
            return failure
        again = self._attempt(rows)  # others may have held the memory
        if again is not None and again.kind == "memory":
            raise UserError(
                f"a single row of {tokens} tokens does not fit into memory ({failure.reason}), and batches "
                f"(batch_tokens {self.runtime.batch_tokens:,}) have been halved down to it; lower max_length, set "
                "precision: bf16, run fewer actors on a device, or take one with more memory"
            )
        return again and self._judge(rows, again)

    def _is_too_large(self, rows: IntArray) -> bool:
        limit = self.runtime.too_large
        return limit is not None and len(rows) > 1 and self._tokens(rows) >= limit

    def _tokens(self, rows: IntArray) -> int:
        return len(rows) * int(self.lengths[rows].max())

    def _blame(self, row: int, failure: _Failure) -> None:
        self.faults[row] = failure.reason
        self.failed += 1
        if self.scored_any or self.failed < FIRST_ROWS:
            return
        good = np.array([row for row in range(len(self.lengths)) if row not in self.faults], dtype=np.int64)
        shortest = good[np.argsort(self.lengths[good], kind="stable")[:1]]
        if not len(shortest) or self._attempt(shortest) is not None:
            raise UserError(f"the model fails on every row it is given ({failure.reason})")


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
