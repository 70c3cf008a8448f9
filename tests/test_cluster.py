"""The local cluster: loopback, a token of one's own, and workers that can tell how far they are."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import psutil
import pytest
import ray

from tmkd import cluster
from tmkd.cluster import cluster_size, connect, progress_poster, watch_progress
from tmkd.cluster_address import started_here
from tmkd.cluster_errors import users_mistake
from tmkd.errors import UserError
from tmkd.integrity import DamagedError, MissingError

pytestmark = pytest.mark.usefixtures("ray_session")
LOCAL = pytest.mark.skipif("RAY_ADDRESS" in os.environ, reason="this is somebody else's cluster")


def test_connecting_twice_keeps_the_cluster() -> None:
    before = ray.get_runtime_context().get_job_id()
    connect()
    assert ray.get_runtime_context().get_job_id() == before


def test_there_are_two_cpus_at_least_so_that_training_and_labelling_fit() -> None:
    cpus, gpus = cluster_size()
    assert cpus >= 2 and gpus >= 0


@pytest.mark.parametrize("kind", [UserError, DamagedError, MissingError])
def test_a_user_s_mistake_in_a_task_comes_back_as_it_was_said(kind: type[UserError]) -> None:
    @ray.remote(num_cpus=0)
    def task(kind: type[Exception]) -> None:
        raise kind("teachers.a.model: no such folder")

    with pytest.raises(ray.exceptions.RayTaskError) as wrapped:
        ray.get(task.remote(kind))
    assert type(found := users_mistake(wrapped.value)) is kind
    assert str(found) == "teachers.a.model: no such folder"
    with pytest.raises(ray.exceptions.RayTaskError) as other:
        ray.get(task.remote(ValueError))
    assert users_mistake(other.value) is None


def test_a_cluster_that_somebody_started_here_is_named_while_it_lives(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert started_here() is None
    note = tmp_path / "ray" / "ray_current_cluster"
    note.parent.mkdir()
    note.write_text("127.0.0.1:1")  # of one that was not stopped before its machine was
    assert started_here() is None
    note.write_text(ray.get_runtime_context().gcs_address)
    assert started_here() == ray.get_runtime_context().gcs_address


@LOCAL
def test_a_local_cluster_listens_on_loopback_only() -> None:
    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
    open_to = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in psutil.Process().children(recursive=True)
        for connection in _listeners(process)
    }
    assert open_to == {"127.0.0.1"}


def _listeners(process: psutil.Process) -> list:
    try:
        return [found for found in process.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    except psutil.Error:  # it has ended meanwhile
        return []


@LOCAL
def test_a_local_cluster_asks_for_a_token_that_only_this_user_can_read() -> None:
    assert os.environ["RAY_AUTH_MODE"] == "token"
    token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert len(token.read_text()) == 64


def test_the_bar_shows_the_sum_of_what_all_parts_have_posted(monkeypatch) -> None:
    monkeypatch.setattr(cluster, "POLL_S", 0.05)

    @ray.remote(num_cpus=0.5)
    def work(part: str, rows: int) -> None:
        post = progress_poster("labelling", part)
        for done in range(1, rows + 1):
            post(done, 30)

    with watch_progress("labelling", "labels", None, "rows") as bar:
        ray.get([work.remote("a", 10), work.remote("b", 20)])
        deadline = time.monotonic() + 20
        while bar.done < 30 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (bar.done, bar.total) == (30, 30)


def test_a_second_look_at_another_task_starts_from_nothing() -> None:
    with watch_progress("one", "one", 10, "rows"):
        progress_poster("one")(7, 10)
    with watch_progress("two", "two", 5, "rows") as bar:
        time.sleep(0.1)
    assert bar.done == 0


def test_the_last_post_is_on_the_bar_when_the_block_ends() -> None:
    with watch_progress("ends", "ends", 10, "rows") as bar:
        progress_poster("ends")(10, 10)
    assert bar.done == 10


@LOCAL
def test_the_bar_moves_on_the_next_cluster_of_the_same_process() -> None:
    with watch_progress("first", "first", 10, "rows"):
        pass
    before = ray.get_runtime_context().get_job_id()
    ray.shutdown()
    connect()
    assert ray.get_runtime_context().get_job_id() == before  # so the id alone does not tell them apart
    with watch_progress("next", "next", 10, "rows") as bar:
        progress_poster("next")(10, 10)
    assert bar.done == 10
