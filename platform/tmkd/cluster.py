"""Ray: join the cluster this job runs on, or start one on this machine, with token auth and quiet logs.

Also the way in which workers tell the driver how far they are (`ProgressBoard`).
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants
from ray._raylet import Config  # type: ignore[attr-defined]
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tmkd.cluster_address import INSTEAD, LOCAL, checked_address
from tmkd.cluster_errors import explain
from tmkd.cluster_quiet import LEVEL, quiet_reports, without_announcement
from tmkd.console import Bar, progress_bar, quiet_libraries
from tmkd.errors import UserError
from tmkd.plugins import PASSED_ON, load_passed_on, plugin_folders
from tmkd.scratch import use_scratch
from tmkd.user_folders import cache_folder, socket_root
from tmkd.yaml_nodes import compose
from tmkd.yaml_tree import build

BOARD_NAME = "tmkd-progress"
POLL_S = 0.5
IDLE_WORKER_MS = 60_000
LOOPBACK = "TMKD_RAY_ON_LOOPBACK"
"""Set where this machine's own cluster, which no other machine can reach, is used."""
LONGEST_SOCKET = len("/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.1")
"""Of the paths that Ray makes below its temporary folder."""
CLUSTER_CONFIG = "TMKD_CLUSTER_CONFIG"
"""May name a cluster.yaml that says what the cluster can grow to, where `ray up` has not left one on the head."""


def connect(verbose: bool = False) -> None:
    """Join the cluster named by ``RAY_ADDRESS`` (set inside ``ray job submit``), else start a local one.

    A local cluster listens on loopback, without dashboard, and enforces a token of this user's own. The nodes of any
    other are sent this very package, so that all of them run what the driver runs, wherever it was started from.

    Raises:
        UserError: if a cluster that somebody has started here is neither named nor refused by ``RAY_ADDRESS=local``, or
            the one that is named cannot be joined.
    """
    if ray.is_initialized():
        return
    _bind_as_marked()  # also in a process that joins such a cluster, which inherits the mark
    address = checked_address()
    os.environ["TMKD_VERBOSE"] = "1" if verbose else "0"  # the driver's own rooms read it as the workers do
    options = _options(verbose)
    _bind_as_marked()
    if not verbose:
        quiet_reports()
    try:
        with nullcontext() if verbose else without_announcement():
            ray.init(**options)
    except Exception as error:
        reason = explain(error)
        if address:
            raise UserError(f"RAY_ADDRESS: {address}: this cluster cannot be joined ({reason}); {INSTEAD}") from error
        if "timed out" not in reason:
            raise
        raise UserError(
            f"Ray did not start ({reason}); is the machine busy? The same command goes on from here"
        ) from None


def _bind_as_marked() -> None:
    if os.environ.get(LOOPBACK):
        ray_constants.ENABLE_RAY_CLUSTER = False  # Ray's own switch for "no other machine joins": it binds to loopback


def _options(verbose: bool) -> dict[str, Any]:
    """Return what Ray is told at the start; a machine's own cluster is also told through the environment."""
    names = ("TMKD_VERBOSE", "DS_ACCELERATOR", PASSED_ON)
    passed_on = {name: os.environ[name] for name in names if os.environ.get(name)}
    options: dict[str, Any] = {
        "log_to_driver": verbose,
        "logging_level": "INFO" if verbose else "ERROR",
        "runtime_env": {"env_vars": passed_on},
    }
    if (os.environ.get("RAY_ADDRESS") or LOCAL) != LOCAL:
        if not os.environ.get(LOOPBACK):
            options["runtime_env"]["py_modules"] = [str(Path(__file__).resolve().parent), *plugin_folders()]
        return options
    _use_own_token()
    cores = max(2, usable_cores())
    os.environ[LOOPBACK] = "1"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Ray ends idle workers after a second where actors hold the CPUs: every shard would pay for new processes, and for
    # their imports, to be read and published.
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", str(IDLE_WORKER_MS))
    # Ray warns of four times as many processes as it starts at once, and trainings side by side have controllers.
    os.environ.setdefault("RAY_worker_maximum_startup_concurrency", str(2 * cores))
    if not verbose:
        os.environ.setdefault(LEVEL, "fatal")
    if (short := socket_root(LONGEST_SOCKET)) is not None:
        options["_temp_dir"] = str(short / "ray")
    return options | {"address": LOCAL, "num_cpus": cores, "include_dashboard": False}


def usable_cores() -> int:
    """Return how many cores this process may run on: those it is pinned to, where it is."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def setup_worker() -> None:
    """Make a Ray worker like its driver: libraries silent or not (``--verbose``), files together, plugins imported."""
    use_scratch(is_worker=True)
    quiet_libraries(os.environ.get("TMKD_VERBOSE") == "1")
    load_passed_on()


def cluster_size() -> tuple[float, float]:
    """Return the (CPUs, GPUs) of the connected cluster."""
    resources = ray.cluster_resources()
    return float(resources.get("CPU", 1.0)), float(resources.get("GPU", 0.0))


@dataclass(frozen=True)
class Machines:
    """Equal nodes that are there, or may come.

    Attributes:
        resources: of one of them, such as ``{"CPU": 8, "GPU": 1, "tmkd_teachers": 1}``.
        labels: of one of them.
        count: how many.
        are_there: false for those that the cluster launcher may start, of which it is not known what Ray will find.
    """

    resources: Mapping[str, float]
    labels: Mapping[str, str]
    count: int
    are_there: bool


Fits = Callable[[Machines], bool]


def machines() -> list[Machines]:
    """Return the nodes of the connected cluster, one by one."""
    return [Machines(node["Resources"], node["Labels"], 1, True) for node in ray.nodes() if node["Alive"]]


def machines_to_come() -> list[Machines]:
    """Return what the cluster launcher may have started at most, by the file that it leaves on the head."""
    path = Path(os.environ.get(CLUSTER_CONFIG) or "~/ray_bootstrap_config.yaml").expanduser()
    if os.environ.get(LOOPBACK) or not path.is_file():
        return []
    config = build(compose(path.read_text(encoding="utf-8")), ())
    most = config.get("max_workers", 0)
    found = []
    for name, group in config["available_node_types"].items():
        count = 1 if name == config.get("head_node_type") else min(most, group.get("max_workers", most))
        found.append(Machines(group.get("resources", {}), group.get("labels", {}), count, False))
    return found


def in_reach(fits: Fits = lambda _: True) -> dict[str, float]:
    """Return resource -> how much of it the connected cluster has, or may grow to where it autoscales.

    Args:
        fits: of which nodes; see `tmkd.placement.Placement.takes`.
    """
    there, most = resources_of(filter(fits, machines())), resources_of(filter(fits, machines_to_come()))
    return {name: max(there[name], most[name]) for name in {*there, *most}}


def resources_of(found: Iterable[Machines]) -> Counter[str]:
    """Return resource -> how much of it all of these nodes have together."""
    total: Counter[str] = Counter()
    for each in found:
        total.update({name: amount * each.count for name, amount in each.resources.items()})  # type: ignore[misc]
    return total


def _use_own_token() -> None:
    if os.environ.get("RAY_AUTH_MODE") or os.environ.get("RAY_AUTH_TOKEN"):
        return
    folder = cache_folder()
    token = folder / "ray-token"
    if not os.access(token, os.R_OK) or not token.stat().st_size:
        beside = folder / f".ray-token-{secrets.token_hex(4)}"
        beside.touch(mode=0o600)
        beside.write_text(secrets.token_hex(32))
        beside.replace(token)
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(token)
    Config.initialize("")  # Ray read its settings when it was imported; this is how its own token set-up renews them


class _Board:
    """Holds how far each part of a named task is, and its total; lives in a Ray actor."""

    def __init__(self) -> None:
        self._done: dict[str, dict[str, float]] = {}
        self._total: dict[str, float] = {}

    def post(self, task: str, done: float, total: float, part: str) -> None:
        self._done.setdefault(task, {})[part] = done
        self._total[task] = total

    def latest(self, task: str) -> tuple[float, float] | None:
        return (sum(self._done[task].values()), self._total[task]) if task in self._done else None


def progress_poster(task: str, part: str = "") -> Any:
    """Return ``post(done, total)`` for a worker; it never waits and never fails the work.

    Args:
        task: what the driver watches.
        part: the share of it that this worker counts (say, a shard); the bar shows the sum of all parts.
    """
    try:
        board = ray.get_actor(BOARD_NAME)
    except ValueError:
        return lambda done, total: None
    return lambda done, total: board.post.remote(task, done, total, part) and None


_boards: dict[tuple[str, str], Any] = {}


def _job_board() -> Any:
    """Return this job's board, kept as long as the job: a new one of that name could meet the old one's end.

    It lives beside the driver: elsewhere it would keep a node from ever being idle, or go with it.
    """
    context = ray.get_runtime_context()
    job = (context.get_node_id(), context.get_job_id())  # every local cluster's first job has the same id
    if job not in _boards:
        here = NodeAffinitySchedulingStrategy(context.get_node_id(), soft=False)
        actor = ray.remote(num_cpus=0)(_Board)
        _boards[job] = actor.options(name=BOARD_NAME, get_if_exists=True, scheduling_strategy=here).remote()
    return _boards[job]


@contextmanager
def watch_progress(task: str, label: str, total: float | None, unit: str) -> Iterator[Bar]:
    """Draw a bar in the driver from what workers post about ``task`` while the block runs."""
    board = _job_board()
    stop = threading.Event()

    with progress_bar(label, total, unit) as bar:

        def refresh() -> None:
            with suppress(ray.exceptions.RayError):  # a bar that stands still must not end the work
                latest = ray.get(board.latest.remote(task))
                if latest is not None:
                    bar.set(*latest)

        def poll() -> None:
            while not stop.wait(POLL_S):
                refresh()

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield bar
            refresh()
        finally:
            stop.set()
            thread.join(timeout=5)
