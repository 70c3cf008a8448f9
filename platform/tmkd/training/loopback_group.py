"""Torch's process group on one machine, without an open port: its members meet at a file and talk over loopback."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.train.torch import TorchConfig
from ray.train.torch.config import _set_torch_distributed_env_vars, _setup_torch_process_group, _TorchBackend

from tmkd.scratch import use_scratch

LOOPBACK_INTERFACE = "lo0" if sys.platform == "darwin" else "lo"


@dataclass
class LoopbackGroup(TorchConfig):
    """Ray Train's own set-up but for the meeting place: torch's TCPStore listens on all addresses, and asks nobody."""

    @property
    def backend_cls(self) -> type[_TorchBackend]:
        return _LoopbackBackend


class _LoopbackBackend(_TorchBackend):  # type: ignore[misc]
    def on_start(self, worker_group: Any, backend_config: TorchConfig) -> None:
        workers = len(worker_group)
        backend = "nccl" if worker_group.get_resources_per_worker().get("GPU", 0) else "gloo"
        meeting = worker_group.execute_single(0, meeting_place)
        worker_group.execute(_set_torch_distributed_env_vars)
        joining = [
            worker_group.execute_single_async(
                rank, _join, backend=backend, world_rank=rank, world_size=workers, init_method=meeting,
                timeout_s=backend_config.timeout_s,
            )
            for rank in range(workers)
        ]  # fmt: skip
        ray.get(joining)


def meeting_place() -> str:
    """Return a ``file://`` address of this user's own that nobody has met at; it goes with the job."""
    use_scratch(is_worker=True)
    return f"file://{Path(tempfile.mkdtemp(prefix='tmkd-group-')) / 'meeting'}"


def _join(**group: Any) -> None:
    for library in ("GLOO", "NCCL"):
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", LOOPBACK_INTERFACE)
    _setup_torch_process_group(**group)
