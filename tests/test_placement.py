"""Where work lands: what the recipe asks for, else nodes marked for it, of those that are there or may come."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tmkd.cluster import CLUSTER_CONFIG, LOOPBACK, cluster_size, in_reach
from tmkd.errors import UserError
from tmkd.labelling.hosts import WORTH_PROBING, _is_worth_it
from tmkd.labelling.pool import Nodes, plan_pool
from tmkd.placement import SHARE, Placement
from tmkd.teachers.config import ResourcesConfig, TeacherConfig
from tmkd.training.config import EngineConfig
from tmkd.training.run import check_room, worker_resources

pytestmark = pytest.mark.usefixtures("ray_session")
SHIPPED = Path(__file__).resolve().parents[1] / "cluster.yaml"


@pytest.fixture
def grows(monkeypatch) -> None:
    """This cluster as if the launcher had started it from cluster.yaml."""
    monkeypatch.delenv(LOOPBACK, raising=False)
    monkeypatch.setenv(CLUSTER_CONFIG, str(SHIPPED))


def test_one_machine_is_all_there_is(monkeypatch) -> None:
    monkeypatch.setenv(LOOPBACK, "1")
    monkeypatch.setenv(CLUSTER_CONFIG, str(SHIPPED))
    assert (in_reach()["CPU"], in_reach().get("GPU", 0.0)) == cluster_size()
    assert Placement().options("teachers") == {}


def test_groups_of_the_launcher_count_with_all_their_nodes(grows) -> None:
    cores, gpus = cluster_size()  # of this machine, which may have more than all groups together
    most = in_reach()
    assert (most["GPU"], most["CPU"]) == (max(8 + 2, gpus), max(8 * 8 + 8 * 4 + 2 * 8, cores))
    assert most["tmkd_teachers"] == 8 and most["tmkd_training"] == 2


def test_marked_nodes_are_taken_where_the_recipe_says_nothing(grows) -> None:
    assert Placement().options("teachers") == {"resources": {"tmkd_teachers": SHARE}}
    assert Placement().resources("training") == {"tmkd_training": SHARE}


def test_what_the_recipe_says_stands_alone(grows) -> None:
    asked = Placement(accelerator_type="L4", labels={"zone": "a"})
    assert asked.options("teachers") == {"accelerator_type": "L4", "label_selector": {"zone": "a"}}
    assert Placement(custom={"big": 2}).options("training") == {"resources": {"big": 2}}


def test_only_nodes_that_may_run_it_count(grows) -> None:
    """GPUs of the teachers' nodes are no room for training."""
    assert Placement().in_reach("training")["GPU"] == 2
    assert Placement().in_reach("teachers")["GPU"] == 8
    assert Placement().in_reach("reading")["CPU"] >= 8 * 8 and "GPU" not in Placement().in_reach("reading")
    assert Placement(custom={"big_memory": 1}).in_reach("training") == {}


@pytest.mark.parametrize(
    ("selector", "gpus"),
    [("training", 2), ("!training", 8), ("in(teachers, training)", 10), ("!in(teachers, reading)", 2), ("other", 0)],
)
def test_labels_select_as_ray_does(grows, selector: str, gpus: int) -> None:
    here = cluster_size()[1] if selector.startswith("!") else 0  # this machine has no such label
    assert Placement(labels={"tmkd": selector}).in_reach("training").get("GPU", 0) == max(gpus, here)


def test_what_only_ray_will_know_of_nodes_to_come_is_hoped_for(grows) -> None:
    assert Placement(accelerator_type="L4").in_reach("teachers")["GPU"] == 10
    assert Placement(labels={"ray.io/availability-zone": "a"}).in_reach("teachers")["GPU"] == 10


def test_workers_that_can_never_be_there_at_once_are_refused(grows) -> None:
    check_room(EngineConfig(workers=2), alone=False)
    with pytest.raises(
        UserError, match=r"training\.workers: 3 workers of 1 GPU\(s\) do not fit .* at most 2; .*placement"
    ):
        check_room(EngineConfig(workers=3, gpus_per_worker=1), alone=False)
    assert worker_resources(EngineConfig(workers=2)) == (1.0, 1.0)
    with pytest.raises(UserError, match=r"training\.workers: 3, but there are 2 GPU\(s\) .* or train on CPUs"):
        worker_resources(EngineConfig(workers=3))  # auto: nobody has asked for CPUs
    assert worker_resources(EngineConfig(workers=3, gpus_per_worker=0)) == (1.0, 0.0)


def test_teachers_pools_grow_to_their_own_nodes(grows) -> None:
    nodes = Nodes.of_teacher(ResourcesConfig())
    assert (nodes.most_gpus, nodes.most_cpus, nodes.largest, nodes.count) == (8, 32, 4, 0)
    assert plan_pool(ResourcesConfig(), "cuda", nodes, 1000, "t").largest == 8
    assert plan_pool(ResourcesConfig(cpus_per_actor=8), "cpu", nodes, 4, "t").cpus <= 4


def test_on_a_head_without_a_gpu_the_teachers_nodes_are_asked_what_they_can_do(grows) -> None:
    if torch.cuda.is_available():
        pytest.skip("this host has a GPU")
    asked = SimpleNamespace(pairs=WORTH_PROBING)
    assert _is_worth_it(TeacherConfig(model="m"), asked, "cuda")
    assert not _is_worth_it(TeacherConfig(model="m", probe="never"), asked, "cuda")
