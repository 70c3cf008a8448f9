import pytest

from tmkd.errors import UserError
from tmkd.labelling.pool import Nodes, plan_pool
from tmkd.teachers.config import ResourcesConfig

LAPTOP = Nodes(cpus=2, gpus=0, largest=2, count=1)
GPU_CLUSTER = Nodes(cpus=64, gpus=4, largest=16, count=4)


def pool(nodes: Nodes, shards: int, device: str = "cpu", **resources):
    return plan_pool(ResourcesConfig(**resources), device, nodes, shards, "t")


def test_auto_fills_the_cpus_and_leaves_room_for_reading_and_publishing() -> None:
    many = pool(LAPTOP, shards=100)
    assert (many.smallest, many.largest, many.threads) == (2, 2, 1)
    assert many.largest * many.cpus < 2


def test_few_shards_get_one_actor_with_all_cores() -> None:
    few = pool(LAPTOP, shards=3)
    assert (few.largest, few.threads) == (1, 2) and few.cpus < 2
    assert pool(GPU_CLUSTER, shards=1).threads == 16  # no node has more


def test_gpus_get_an_actor_each() -> None:
    assert pool(GPU_CLUSTER, 100, "cuda").largest == 4
    assert pool(GPU_CLUSTER, 100, "cuda", gpus_per_actor=0.5).largest == 8
    assert pool(GPU_CLUSTER, 2, "cuda").largest == 2


def test_what_the_recipe_fixes_is_taken() -> None:
    assert pool(LAPTOP, 1, actors=3).smallest == 3
    ranged = pool(LAPTOP, 1, actors={"min": 1, "max": 8})
    assert (ranged.smallest, ranged.largest) == (1, 8)


def test_more_cpus_than_a_node_has_are_cut() -> None:
    assert pool(LAPTOP, 1, actors=1, cpus_per_actor=16).threads == 2


def test_gpus_that_are_not_there() -> None:
    with pytest.raises(UserError, match="cluster has none"):
        pool(LAPTOP, 1, "cuda", actors=1, gpus_per_actor=1)
    assert pool(LAPTOP, 1, "cuda", actors={"max": 4}).gpus == 1


GROWING = Nodes(cpus=0, gpus=0, largest=0, count=1, most_cpus=64, most_gpus=8)


def test_a_cluster_that_grows_starts_small_and_is_filled_as_nodes_come() -> None:
    gpus = pool(GROWING, 100, "cuda")
    assert (gpus.smallest, gpus.largest, gpus.gpus) == (1, 8, 1)
    cpus = pool(GROWING, 1000)
    assert (cpus.smallest, cpus.largest, cpus.threads) == (1, 64, 1)
    assert pool(GROWING, 3, "cuda").largest == 3
