"""Where work lands: what the recipe asks for, else nodes marked for it, of those that are there or may come."""

from __future__ import annotations

from pathlib import Path

import pytest

from tmkd.cluster import CLUSTER_CONFIG, LOOPBACK, in_reach
from tmkd.placement import SHARE, Placement

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
    assert in_reach().get("GPU", 0) == 0 and Placement().options("teachers") == {}


def test_groups_of_the_launcher_count_with_all_their_nodes(grows) -> None:
    most = in_reach()
    assert (most["GPU"], most["CPU"]) == (8 + 2, 8 * 8 + 8 * 4 + 2 * 8)
    assert most["tmkd_teachers"] == 8 and most["tmkd_training"] == 2


def test_marked_nodes_are_taken_where_the_recipe_says_nothing(grows) -> None:
    assert Placement().options("teachers") == {"resources": {"tmkd_teachers": SHARE}}
    assert Placement().resources("training") == {"tmkd_training": SHARE}


def test_what_the_recipe_says_stands_alone(grows) -> None:
    asked = Placement(accelerator_type="L4", labels={"zone": "a"})
    assert asked.options("teachers") == {"accelerator_type": "L4", "label_selector": {"zone": "a"}}
    assert Placement(custom={"big": 2}).options("training") == {"resources": {"big": 2}}
