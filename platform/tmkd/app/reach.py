"""Whether all nodes of a cluster see the workspace: a local folder is one only where they share the disk."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tmkd.console import warn
from tmkd.errors import UserError
from tmkd.labelling.pool import Nodes
from tmkd.workspace import Workspace

UPLOADED = "runtime_resources"
"""A folder of Ray's, below which lies what ``ray job submit --working-dir`` has uploaded, as long as the job runs."""
SHARED = "give --workspace s3://bucket/prefix, or a folder on a disk that all nodes share"


def check_workspace(workspace: Workspace) -> None:
    """See that what is published in a workspace is there for every node, and stays there.

    Raises:
        UserError: for a local folder that another node does not see, or that Ray deletes when the job has ended.
    """
    if not workspace.is_local:
        return
    if UPLOADED in Path(workspace.uri).parts:
        raise UserError(f"workspace {workspace.uri}: Ray deletes this folder when the job has ended; {SHARED}")
    here = ray.util.get_node_ip_address()
    others = {n["NodeManagerAddress"]: n["NodeID"] for n in ray.nodes() if n["Alive"]}
    others.pop(here, None)
    if others:
        _see(workspace, others)
    elif Nodes.now().may_grow:
        warn(f"workspace {workspace.uri}: nodes that this cluster starts must see this folder; else {SHARED}")


def _see(workspace: Workspace, nodes: dict[str, str]) -> None:
    mark = f".seen-{uuid.uuid4().hex[:8]}"
    workspace.publish_bytes(mark, b"", with_hash=False)
    look: Any = ray.remote(num_cpus=0)(_is_there)
    path = workspace.show(mark)
    try:
        asked = {
            address: look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(path)
            for address, node in nodes.items()
        }
        blind = [address for address, answer in asked.items() if not ray.get(answer)]
    finally:
        workspace.delete(mark)
    if blind:
        raise UserError(f"workspace {workspace.uri}: node {', '.join(blind)} does not see this folder; {SHARED}")


def _is_there(path: str) -> bool:
    return Path(path).exists()
