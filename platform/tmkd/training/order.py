"""The order of rows: a function of (seed, epoch, shard list), never of timing or of the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

RowRefs = npt.NDArray[np.int64]
"""int64 [B, 2]: (index of the shard, row in the shard)."""
Groups = Callable[[int], npt.NDArray[np.int64]]
"""Index of a shard -> int64 [n], the same number for rows that stay side by side."""


def batches(
    shard_rows: Sequence[int],
    batch_size: int,
    window: int,
    seed: int,
    first_step: int = 0,
    groups: Groups | None = None,
) -> Iterator[tuple[int, RowRefs]]:
    """Yield (step, rows of its global batch) for ever, from ``first_step`` on.

    An epoch takes the shards in a random order, ``window`` at a time, and shuffles the rows of a window together;
    its last batch may be smaller. Steps before ``first_step`` are skipped without reading anything. With ``groups`` the
    groups of a window are shuffled instead; where a batch is full, one may be cut in two.
    """
    per_epoch = -(-sum(shard_rows) // batch_size)
    epoch, skip = divmod(first_step, per_epoch)
    step = first_step
    while True:
        for index, batch in enumerate(_epoch(shard_rows, batch_size, window, seed, epoch, groups)):
            if index >= skip:
                yield step, batch
                step += 1
        epoch, skip = epoch + 1, 0


def _epoch(
    shard_rows: Sequence[int], batch_size: int, window: int, seed: int, epoch: int, groups: Groups | None
) -> Iterator[RowRefs]:
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(len(shard_rows))
    left = np.empty((0, 2), dtype=np.int64)
    for start in range(0, len(order), window):
        shards = order[start : start + window]
        refs = np.concatenate([_refs(int(shard), shard_rows[shard]) for shard in shards])
        shuffled = random.permutation(refs) if groups is None else _by_group(refs, groups, random)
        left = np.concatenate([left, shuffled])
        while len(left) >= batch_size:
            yield left[:batch_size]
            left = left[batch_size:]
    if len(left):
        yield left


def _by_group(refs: RowRefs, groups: Groups, random: np.random.Generator) -> RowRefs:
    """Shuffle the groups of some shards, each group's rows in their order."""
    number = group_numbers(refs, groups)
    place = random.permutation(number.max() + 1)
    return refs[np.argsort(place[number], kind="stable")]


def group_numbers(refs: RowRefs, groups: Groups) -> npt.NDArray[np.int64]:
    """Return int64 [B]: 0, 1, 2 … for the groups that occur in some rows of any shards."""
    numbers = {shard: groups(shard) for shard in np.unique(refs[:, 0]).tolist()}
    own = np.array([[shard, numbers[shard][row]] for shard, row in refs.tolist()])
    inverse: npt.NDArray[np.int64] = np.unique(own, axis=0, return_inverse=True)[1].reshape(-1)
    return inverse


def whole_groups(
    number: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], parts: int
) -> list[npt.NDArray[np.int64]]:
    """Cut the rows of a batch into parts of about the same size, no group in two of them, like lengths together.

    Args:
        number: int64 [B], the group of every row.
        lengths: int64 [B], tokens of every row.
        parts: how many; some may be empty.

    Returns:
        Rows of every part.
    """
    longest = np.zeros(number.max() + 1, dtype=np.int64)
    np.maximum.at(longest, number, lengths)
    order = np.lexsort((number, longest[number]))  # groups of short rows first, a group's rows together
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    sizes = np.diff(starts, append=len(order))
    part = np.repeat(starts * parts // len(order), sizes)
    return [order[part == index] for index in range(parts)]


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
