"""The driver's side of training: stages in, Ray Train workers, finished model folders out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import cloudpickle
import ray

from tmkd.cluster import LOOPBACK, cluster_size, machines_to_come, watch_progress
from tmkd.cluster_errors import users_mistake
from tmkd.console import warn
from tmkd.errors import UserError
from tmkd.runtimes.failures import device_error
from tmkd.training import divergence
from tmkd.training.config import EngineConfig
from tmkd.training.entry import worker
from tmkd.training.learned import check_learned
from tmkd.training.plan import Plan, finished
from tmkd.training.stage import Stage
from tmkd.workspace import Workspace, fingerprint

if TYPE_CHECKING:
    from ray.train.torch import TorchConfig, TorchTrainer

HEALTH_CHECK = "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"
ASKED_FOR = HEALTH_CHECK in os.environ
QUICK_S, PATIENT_S, LONG_STEPS = "0.2", "2", 200
"""How often Ray Train asks its workers how they are. So late is the end of a fit noticed, which matters where it is
short; a long one on two cores loses 6 % of its rate by it."""


def train(
    stages: Sequence[Stage],
    config: EngineConfig,
    workspace: Workspace,
    run: str,
    label: str,
    board: tuple[str, float] | None = None,
) -> list[dict[str, Any]]:
    """Train the stages that are not finished, one after the other in one set of workers.

    Interrupted at any moment, the same call goes on from the last checkpoint.

    Args:
        stages: in order; a later one may start from an earlier one's output.
        config: workers, precision, checkpoints.
        workspace: where corpora, labels and models lie.
        run: name of the run, whose private state lies under ``runs/<run>``.
        label: of the progress bar.
        board: the task that the driver watches and its steps in all, where this is a part of it; no bar is drawn then.

    Returns:
        The note of every stage: steps, seconds, history of the curves.

    Raises:
        UserError: if workers do not fit into this machine, a stage has too little to learn from, or it has diverged.
    """
    missing = [stage for stage in stages if finished(workspace, stage) is None]
    for stage in missing:
        check_learned(stage.spec, workspace, config.min_scored)
    if missing:
        _fit(stages, config, workspace, run, label, board)
    notes = [_note(workspace, stage) for stage in stages]
    for stage, note in zip(stages, notes, strict=True):
        for remark in note.get("remarks", []) if stage in missing else ():
            warn(f"{stage.name}: {remark}")
    return notes


def _fit(
    stages: Sequence[Stage],
    config: EngineConfig,
    workspace: Workspace,
    run: str,
    label: str,
    board: tuple[str, float] | None,
) -> None:
    from ray.train import TrainingFailedError

    alone = is_alone()
    check_room(config, alone)
    name = f"{stages[-1].name}-{fingerprint([stage.identity() for stage in stages])}"  # the same when called again
    task, steps = board or (f"{run}/{name}", 0.0)
    plan = Plan(tuple(stages), config, workspace, task, part=name, steps_of_all=steps, heeds_notices=not alone)
    _tell_ray_train(plan, alone)
    for stage in stages:
        divergence.forget(workspace, stage)
    trainer = _trainer(plan, run, alone)
    with nullcontext() if board else watch_progress(task, label, plan.steps, "steps"):
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise _cause(error) from None
    workspace.delete(f"runs/{run}/{name}")  # finished: the model folder says all


def is_alone() -> bool:
    """Tell whether this machine's own cluster is used, which nobody joins and from which nothing is taken."""
    return bool(os.environ.get(LOOPBACK))


def check_room(config: EngineConfig, alone: bool) -> None:
    """Raise `UserError` if the workers can never be there at once: Ray Train would wait for them without end."""
    wanted = dict(zip(("CPU", "GPU"), worker_resources(config), strict=True))
    if not alone and not machines_to_come():
        return  # nobody has said what this cluster can grow to
    there = config.placement.in_reach("training")
    for name, amount in wanted.items():
        if config.workers * amount > there.get(name, 0):
            where = "this machine's" if alone else "the cluster's nodes for it, which have at most"
            more = ", or a cluster (RAY_ADDRESS)" if alone else "; see training.placement"
            raise UserError(
                f"training.workers: {config.workers} workers of {amount:g} {name}(s) do not fit into {where} "
                f"{there.get(name, 0):g}; use fewer{more}"
            )


def _trainer(plan: Plan, run: str, alone: bool) -> TorchTrainer:
    """Return the fit of a plan's stages: who trains them, where, and where their checkpoints lie."""
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    config = plan.engine
    cpus, gpus = worker_resources(config)
    where = config.placement.options("training")
    return TorchTrainer(
        worker,
        torch_config=_process_group(alone),
        train_loop_config={"plan": cloudpickle.dumps(plan), "threads": _threads(config, cpus, gpus)},
        scaling_config=ScalingConfig(
            num_workers=config.workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": cpus, **({"GPU": gpus} if gpus else {}), **where.pop("resources", {})},
            **where,
        ),
        run_config=RunConfig(
            name=plan.part,
            storage_path=plan.workspace.show(f"runs/{run}"),
            failure_config=FailureConfig(max_failures=config.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
        ),
    )


def _process_group(alone: bool) -> TorchConfig:
    from ray.train.torch import TorchConfig

    from tmkd.training.loopback_group import LoopbackGroup

    return LoopbackGroup() if alone else TorchConfig()


def _tell_ray_train(plan: Plan, alone: bool) -> None:
    """Set what Ray Train reads from the environment when a fit starts; what the user has set stays."""
    os.environ.setdefault("RAY_TRAIN_ENABLE_PRINT_PATCH", "0")
    if not ASKED_FOR:
        os.environ[HEALTH_CHECK] = QUICK_S if plan.steps < LONG_STEPS else PATIENT_S
    if alone:  # save the process that would watch for nodes that go
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")


def _cause(error: Exception) -> Exception:
    """Return the user's mistake that a worker met or what its device did, else the error itself."""
    failures = list(getattr(error, "worker_failures", {}).values())
    mistake = users_mistake(error)
    broken = next((broke for failure in failures if (broke := device_error(failure))), None)
    if mistake or not broken:
        return mistake or error
    return UserError(
        f"training: the device of a worker failed again and again ({broken}; training.max_failures restarts); look "
        "after it (nvidia-smi, dmesg), then run this again: it resumes from the last checkpoint"
    )


def worker_resources(config: EngineConfig) -> tuple[float, float]:
    """Return the (CPUs, GPUs) of one training worker.

    Raises:
        UserError: if with ``gpus_per_worker: auto`` there are GPUs, but fewer than workers.
    """
    gpus = config.gpus_per_worker
    if gpus == "auto":
        there = config.placement.in_reach("training").get("GPU", 0)
        if 0 < there < config.workers:
            raise UserError(
                f"training.workers: {config.workers}, but there are {there:g} GPU(s) for them; take at most "
                f"{int(there)}, or train on CPUs (training.gpus_per_worker: 0)"
            )
        gpus = 1.0 if there else 0.0
    cpus = 1.0 if config.cpus_per_worker == "auto" else config.cpus_per_worker
    return cpus, gpus


def _threads(config: EngineConfig, cpus: float, gpus: float) -> int:
    """Torch threads of a worker. On CPUs and with `auto`, the workers of a one-machine cluster share its cores."""
    if config.cpus_per_worker != "auto" or gpus or len(ray.nodes()) > 1:
        return max(1, int(cpus))
    return max(1, int(cluster_size()[0]) // config.workers)


def _note(workspace: Workspace, stage: Stage) -> dict[str, Any]:
    found = finished(workspace, stage)
    if found is None and (reason := divergence.noted(workspace, stage)):
        raise UserError(reason)
    if found is None:
        raise RuntimeError(f"{stage.output}: training ended without a finished model")
    return found
