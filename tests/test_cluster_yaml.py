"""cluster.yaml against Ray's own schema, the project's versions, and what it promises about who can reach it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from tmkd.placement import MARK, Work

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


@pytest.fixture(scope="module")
def commands(config) -> list[str]:
    return [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]


def test_ray_s_own_check_passes(config) -> None:
    validate_config(prepare_config(config))


def test_an_unknown_key_would_not_pass(config) -> None:
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config(prepare_config(config | {"idle_timeout": 5}))


def test_versions_are_the_project_s(config) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ray = next(one for one in project["dependencies"] if one.startswith("ray[")).split("==")[1]
    assert config["docker"]["image"].startswith(f"rayproject/ray:{ray}-py311")
    for page in ("cluster.yaml", "docs/operations.md", "docs/kuberay.md"):
        text = (ROOT / page).read_text()
        assert set(re.findall(r'(?:ray(?:\[default\])?==|rayproject/ray:|rayVersion: ")([0-9.]+\d)', text)) == {ray}


def test_every_kind_of_work_has_marked_nodes_and_only_those_are_made_for_it(config) -> None:
    groups = config["available_node_types"]
    marks = [name for group in groups.values() for name in group["resources"] if name.startswith(MARK)]
    assert sorted(marks) == sorted(f"{MARK}{work}" for work in get_args(Work))
    assert all(groups[name]["resources"].get("GPU", 0) > 0 for name in ("teachers", "training"))


def test_the_head_computes_nothing_and_every_other_group_may_be_empty(config) -> None:
    groups = dict(config["available_node_types"])
    assert groups.pop(config["head_node_type"])["resources"] == {"CPU": 0}
    assert all(group["min_workers"] == 0 and group["max_workers"] > 0 for group in groups.values())
    assert sum(group["max_workers"] for group in groups.values()) <= config["max_workers"]
    assert groups["teachers"]["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}


def test_every_node_has_an_image_with_today_s_driver_and_a_role_and_only_the_head_s_may_start_nodes(config) -> None:
    """Left out, Ray takes an image of 2023, and gives the head a role that may not pass the workers' theirs."""
    groups = {name: group["node_config"] for name, group in config["available_node_types"].items()}
    assert len({each["ImageId"] for each in groups.values()}) == 1
    head = groups.pop(config["head_node_type"])["IamInstanceProfile"]
    assert {str(each["IamInstanceProfile"]) for each in groups.values()} == {str(groups["cpu"]["IamInstanceProfile"])}
    assert head != groups["cpu"]["IamInstanceProfile"]


def test_nothing_listens_for_everybody_and_everything_asks_for_the_token(config, commands) -> None:
    starts = [command for command in commands if "ray start" in command]
    assert len(starts) == 2
    assert all("RAY_AUTH_MODE=token" in command and "cd /home/ray/tmkd &&" in command for command in starts)
    assert "--dashboard-host=127.0.0.1" in starts[0] and "0.0.0.0" not in "".join(commands)
    assert "security_group" not in config["provider"]  # Ray's own: SSH, and the cluster's nodes among themselves
    assert config["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"


def test_the_project_is_installed_on_every_node(config) -> None:
    assert config["file_mounts"]["/home/ray/tmkd"] == "."
    assert any("cd /home/ray/tmkd && pip install" in command for command in config["setup_commands"])
