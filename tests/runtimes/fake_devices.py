"""Runtimes on devices that are not here: one with so much memory, one that breaks, as torch reports both."""

from __future__ import annotations

import weakref

import numpy as np
import torch

from tmkd.runtimes.base import Runtime
from tmkd.text.features import Features, Ragged, Template

TEMPLATE = Template(parts=((1,), (2,)), types=None, pad_id=0)
POISON = 9


class Allocation:
    """Memory of some rows on the device, held until nothing refers to it."""

    def __init__(self, rows: int) -> None:
        self.rows = rows


class SmallDevice(Runtime):
    """A device with room for so many rows, whoever holds them: counts what is alive, a failed forward's too."""

    def __init__(self, room: int) -> None:
        super().__init__(Features(TEMPLATE, 16), 10**6, 100, 1)
        self.room = room
        self.alive: weakref.WeakSet[Allocation] = weakref.WeakSet()
        self.batches: list[int] = []
        self.poison: int | None = None
        self.breaks: Exception | None = None

    def forward(self, inputs):
        ids = inputs["input_ids"]
        rows = len(ids)
        self.batches.append(rows)
        held = Allocation(rows)
        self.alive.add(held)
        if self.breaks is not None:
            raise self.breaks
        if sum(each.rows for each in self.alive) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        if self.poison is not None and (ids == self.poison).any():
            raise IndexError("index out of range in self")
        return np.full((rows, 1), float(held.rows > 0), np.float32)


def texts(rows: int, length: int = 3, poisoned: frozenset[int] = frozenset()) -> Ragged:
    """Return ``rows`` texts of equal length, some of them with the token that no row may hold."""
    return Ragged.of([np.full(length, POISON if row in poisoned else 5, np.int64) for row in range(rows)], np.int64)
