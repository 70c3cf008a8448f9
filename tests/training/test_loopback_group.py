"""While this machine's own cluster trains, nobody else can reach its workers."""

from __future__ import annotations

import os
import threading

import psutil
import pytest

from tiny_stages import engine_config, make_world, schedule, stage
from tmkd.cluster import LOOPBACK
from tmkd.training.run import train

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.mark.skipif(os.environ.get("RAY_ADDRESS") is not None, reason="the cluster is not this machine's own")
@pytest.mark.parametrize("workers", [1, 2])
def test_no_worker_listens_off_loopback_while_it_trains(tmp_path, workers: int) -> None:
    assert os.environ[LOOPBACK]
    world, done, seen, open_to = make_world(tmp_path), threading.Event(), set(), set()

    def watch() -> None:
        while not done.wait(0.05):
            for process in trainers():
                seen.add(process.pid)
                open_to.update(listening(process))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        made = stage(world, "watched", schedule=schedule(max_steps=30))
        train([made], engine_config(workers=workers), world.workspace, "watched", "watched")
    finally:
        done.set()
        watching.join()
    assert len(seen) >= workers
    assert open_to <= {"127.0.0.1", "::1"}


def trainers() -> list[psutil.Process]:
    """Return the training workers of this process's own Ray; others may run beside it."""
    return [each for each in psutil.Process().children(recursive=True) if named(each).startswith("ray::RayTrainWorker")]


def named(process: psutil.Process) -> str:
    try:
        return "".join(process.cmdline()[:1])
    except psutil.Error:  # it has ended meanwhile
        return ""


def listening(process: psutil.Process) -> set[str]:
    try:
        found = process.net_connections("tcp")
    except psutil.Error:  # it has ended meanwhile
        return set()
    return {each.laddr.ip.removeprefix("::ffff:") for each in found if each.status == psutil.CONN_LISTEN}
