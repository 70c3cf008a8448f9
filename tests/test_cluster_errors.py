"""Whatever wraps an error on its way out of a Ray process, the user is given the error itself."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import pytest
import ray
import ray.data
from ray import cloudpickle
from safetensors import safe_open

from tmkd.cluster_errors import MAX_LENGTH, cause_in_trace, explain, root_cause, users_mistake
from tmkd.errors import UserError

pytestmark = pytest.mark.usefixtures("ray_session")
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests
MISTAKE = "teachers.a.model: /models/a has no config.json"


class Unpicklable(Exception):
    """Cannot be made again from its words alone."""

    def __init__(self, file: str, line: int) -> None:
        super().__init__(f"{file}, line {line}: odd")


def fail(how: str) -> None:
    if how == "mistake":
        raise UserError(MISTAKE)
    if how == "unpicklable":
        raise Unpicklable("a.txt", 7)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "chained":
        try:
            open("/nowhere/file")  # noqa: PTH123, SIM115
        except OSError as error:
            raise RuntimeError("a.tsv: cannot be read\nat line 3") from error
    raise ValueError("b.tsv: no such column\nfound: x")


class Actor:
    def __init__(self, how: str = "") -> None:
        if how:
            fail(how)

    def work(self, how: str) -> None:
        fail(how)


def in_task(how: str) -> None:
    ray.get(ray.remote(num_cpus=0, max_retries=0)(fail).remote(how))


def in_actor(how: str) -> None:
    ray.get(ray.remote(num_cpus=0)(Actor).remote().work.remote(how))


def at_the_start_of_an_actor(how: str) -> None:
    ray.get(ray.remote(num_cpus=0)(Actor).remote(how).work.remote(how))


def in_data(how: str) -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False

    def row(_: Any) -> Any:
        fail(how)

    for _ in ray.data.from_items([{"a": 1}]).map(row, num_cpus=0.1).iter_rows():
        pass


@pytest.mark.parametrize("place", [in_task, in_actor, at_the_start_of_an_actor, in_data])
def test_a_user_s_mistake_comes_back_as_it_was_worded(place) -> None:
    with pytest.raises(Exception) as wrapped:
        place("mistake")
    assert type(found := users_mistake(wrapped.value)) is UserError
    assert str(found) == explain(wrapped.value) == MISTAKE


@pytest.mark.parametrize("place", [in_task, at_the_start_of_an_actor, in_data])
def test_any_other_error_is_its_class_and_its_words_without_frames(place) -> None:
    with pytest.raises(Exception) as wrapped:
        place("plain")
    assert explain(wrapped.value) == "ValueError: b.tsv: no such column found: x"
    assert users_mistake(wrapped.value) is None


def test_of_a_chain_the_error_is_taken_that_was_raised_last() -> None:
    with pytest.raises(Exception) as wrapped:
        in_data("chained")
    assert explain(wrapped.value) == "RuntimeError: a.tsv: cannot be read at line 3"


def test_an_error_that_cannot_be_pickled_keeps_its_words() -> None:
    with pytest.raises(Exception) as wrapped:
        in_task("unpicklable")
    assert explain(wrapped.value) == "Unpicklable: a.txt, line 7: odd"


@pytest.mark.parametrize("place", [in_task, in_actor])
def test_a_process_that_was_killed_is_said_to_have_died(place) -> None:
    with pytest.raises(ray.exceptions.RayError) as wrapped:
        place("killed")
    assert "a worker process" in (said := explain(wrapped.value)) and "has died: killed, out of memory" in said


def test_a_process_that_ray_ends_for_want_of_memory_is_told_from_others() -> None:
    error = ray.exceptions.OutOfMemoryError("Task was killed due to the node running low on memory.\nObject store: 9")
    assert "ran low on memory; use smaller batches" in explain(error)


def test_a_training_worker_s_error_comes_out_of_ray_train() -> None:
    from ray.train import ControllerError, WorkerGroupError

    with pytest.raises(ray.exceptions.RayTaskError) as wrapped:
        in_task("mistake")
    group = WorkerGroupError("Traceback of rank 1", {1: wrapped.value})
    assert str(users_mistake(group)) == str(users_mistake(ControllerError(group))) == MISTAKE
    assert explain(ControllerError(ValueError("x"))) == "ValueError: x"


def test_what_ray_did_not_wrap_is_left_as_it_is(tmp_path) -> None:
    inner = ValueError("x")
    assert root_cause(inner) is inner and explain(KeyError()) == "KeyError"
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(Exception) as damaged:
        safe_open(file, framework="np")
    assert root_cause(damaged.value) is damaged.value
    assert len(explain(ValueError("x" * 10**6))) < MAX_LENGTH + 100
    assert cause_in_trace("no trace") is None
