"""The order of rows: a function of (seed, epoch, shard list), never of timing or of the number of workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

RowRefs = npt.NDArray[np.int64]
"""int64 [B, 2]: (index of the shard, row in the shard)."""


def batches(
    shard_rows: Sequence[int], batch_size: int, window: int, seed: int, first_step: int = 0
) -> Iterator[tuple[int, RowRefs]]:
    """Yield (step, rows of its global batch) for ever, from ``first_step`` on.

    An epoch takes the shards in a random order, ``window`` at a time, and shuffles the rows of a window together;
    its last batch may be smaller. Steps before ``first_step`` are skipped without reading anything.
    """
    per_epoch = -(-sum(shard_rows) // batch_size)
    epoch, skip = divmod(first_step, per_epoch)
    step = first_step
    while True:
        for index, batch in enumerate(_epoch(shard_rows, batch_size, window, seed, epoch)):
            if index >= skip:
                yield step, batch
                step += 1
        epoch, skip = epoch + 1, 0


def _epoch(shard_rows: Sequence[int], batch_size: int, window: int, seed: int, epoch: int) -> Iterator[RowRefs]:
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(shard_rows))
    left = np.empty((0, 2), dtype=np.int64)
    for start in range(0, len(order), window):
        shards = order[start : start + window]
        refs = np.concatenate([_refs(int(shard), shard_rows[shard]) for shard in shards])
        left = np.concatenate([left, random.permutation(refs)])
        while len(left) >= batch_size:
            yield left[:batch_size]
            left = left[batch_size:]
    if len(left):
        yield left


def _refs(shard: int, rows: int) -> RowRefs:
    return np.stack([np.full(rows, shard, dtype=np.int64), np.arange(rows, dtype=np.int64)], axis=1)


def worker_slice(batch: RowRefs, rank: int, world: int) -> tuple[RowRefs, npt.NDArray[np.float32]]:
    """Return a worker's rows of a global batch and their weights.

    Every worker gets the same number of rows; where they do not divide evenly the last one fills up with a
    repeated row of weight 0.
    """
    size = -(-len(batch) // world)
    mine = batch[rank::world]
    weights = np.ones(size, dtype=np.float32)
    if len(mine) < size:
        weights[len(mine) :] = 0.0
        mine = np.concatenate([mine, np.repeat(batch[:1], size - len(mine), axis=0)])
    return mine, weights
