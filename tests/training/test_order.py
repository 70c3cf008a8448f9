"""The order of rows depends on seed, epoch and shards only, so a run can go on in the middle of it."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

from tmkd.training.order import batches, group_numbers, whole_groups, worker_slice

SHARDS = [5, 1, 7, 4, 6]  # 23 rows
ALL = {(shard, row) for shard, rows in enumerate(SHARDS) for row in range(rows)}


def take(count: int, batch_size: int = 4, window: int = 2, seed: int = 0, first_step: int = 0, shards=SHARDS) -> list:
    found = islice(batches(shards, batch_size, window, seed, first_step), count)
    return [(step, [tuple(map(int, ref)) for ref in refs]) for step, refs in found]


def rows(taken: list) -> list:
    return [ref for _, batch in taken for ref in batch]


@pytest.mark.parametrize("window", [1, 2, 5, 99])
@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
def test_every_epoch_has_every_row_exactly_once(batch_size: int, window: int) -> None:
    steps = -(-23 // batch_size)
    for epoch in range(3):
        seen = rows(take(steps, batch_size, window, first_step=epoch * steps))
        assert len(seen) == 23 and set(seen) == ALL


def test_batches_are_full_but_for_the_last_one_of_an_epoch() -> None:
    assert [len(batch) for _, batch in take(12)] == [4, 4, 4, 4, 4, 3] * 2


def test_the_same_seed_gives_the_same_order_and_another_seed_or_epoch_another_one() -> None:
    first_epoch, second_epoch = rows(take(6)), rows(take(6, first_step=6))
    assert rows(take(6)) == first_epoch
    assert first_epoch != second_epoch and first_epoch != rows(take(6, seed=1))


def test_the_order_does_not_depend_on_the_batch_size() -> None:
    assert rows(take(6, batch_size=4)) == rows(take(23, batch_size=1)) == rows(take(1, batch_size=23))


@pytest.mark.parametrize("first_step", [1, 3, 5, 6, 7, 13])
def test_going_on_from_a_step_is_the_tail_of_the_uninterrupted_order(first_step: int) -> None:
    whole = take(20)
    assert take(20 - first_step, first_step=first_step) == whole[first_step:]
    assert [step for step, _ in whole] == list(range(20))


def test_shards_come_in_a_random_order_and_no_more_than_a_window_of_them_at_once() -> None:
    seen = rows(take(100, batch_size=1, window=1, shards=[10] * 10))
    blocks = [{shard for shard, _ in seen[start : start + 10]} for start in range(0, 100, 10)]
    assert all(len(block) == 1 for block in blocks)
    assert [block.pop() for block in blocks] != list(range(10))


@pytest.mark.parametrize("world", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_workers_share_a_batch_without_loss_or_repetition_of_weight(size: int, world: int) -> None:
    batch = np.stack([np.arange(size), np.arange(size) * 10], axis=1)
    slices = [worker_slice(batch, rank, world) for rank in range(world)]
    assert {len(mine) for mine, _ in slices} == {-(-size // world)}  # every worker runs as many micro-batches
    counted = sorted(tuple(ref) for mine, weights in slices for ref, w in zip(mine, weights, strict=True) if w == 1)
    assert counted == [(row, row * 10) for row in range(size)]
    assert sum(float(weights.sum()) for _, weights in slices) == size


GROUPS = [np.array([2, 2, 0, 1, 1]), np.array([0]), np.arange(7) // 3, np.arange(4) // 2, np.zeros(6, dtype=int)]


def grouped(count: int, **more) -> list:
    found = islice(batches(SHARDS, 4, 2, 0, groups=lambda shard: GROUPS[shard], **more), count)
    return [(step, [tuple(map(int, ref)) for ref in refs]) for step, refs in found]


def test_rows_of_a_group_follow_each_other_and_all_rows_come() -> None:
    epoch = rows(grouped(6))
    assert len(epoch) == 23 and set(epoch) == ALL
    named = [(shard, int(GROUPS[shard][row])) for shard, row in epoch]
    changes = sum(one != other for one, other in pairwise(named))
    assert changes == len(set(named)) - 1
    assert rows(grouped(6, first_step=6)) != epoch and grouped(4, first_step=2) == grouped(6)[2:]


@pytest.mark.parametrize("parts", [1, 2, 3, 9])
def test_a_batch_is_cut_between_groups_alone(parts: int) -> None:
    refs = np.array(sorted(ALL))
    number = group_numbers(refs, lambda shard: GROUPS[shard])
    assert len(set(number)) == 3 + 1 + 3 + 2 + 1
    cut = whole_groups(number, np.random.default_rng(0).integers(3, 40, len(refs)), parts)
    assert len(cut) == parts and sorted(np.concatenate(cut)) == list(range(23))
    owners = [set(number[part]) for part in cut]
    assert sum(map(len, owners)) == len(set(number))
    if parts < 4:  # no part is much larger than its share; a group has six rows at most
        assert max(map(len, cut)) <= 23 / parts + 6
