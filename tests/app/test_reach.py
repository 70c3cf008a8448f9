"""A workspace that the nodes of a cluster cannot see, or that is gone when the job has ended, is told beforehand.

On several nodes with disks of their own only a cloud could try it; `tests/end_to_end/test_cluster_job.py` has several
nodes on one disk.
"""

from __future__ import annotations

import pytest

from tmkd.app.reach import check_workspace
from tmkd.cluster import CLUSTER_CONFIG, LOOPBACK
from tmkd.errors import UserError
from tmkd.workspace import Workspace

pytestmark = pytest.mark.usefixtures("ray_session")


def test_one_machine_sees_its_own_disk(tmp_path) -> None:
    check_workspace(Workspace.open(str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_what_ray_uploaded_is_no_place_for_results(tmp_path) -> None:
    place = tmp_path / "session" / "runtime_resources" / "working_dir_files" / "p" / "workspace"
    with pytest.raises(UserError, match=r"Ray deletes this folder.*s3://bucket/prefix"):
        check_workspace(Workspace.open(str(place)))


def test_nodes_that_may_come_are_warned_of(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.delenv(LOOPBACK, raising=False)
    monkeypatch.setenv(CLUSTER_CONFIG, "cluster.yaml")
    check_workspace(Workspace.open(str(tmp_path)))
    assert "nodes that this cluster starts must see this folder" in capsys.readouterr().err
