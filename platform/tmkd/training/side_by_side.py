"""Many small trainings at once: as many sets of workers as the cluster has room for, each with a chain of stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray

from tmkd.cluster import setup_worker, watch_progress
from tmkd.cluster_errors import explain
from tmkd.errors import UserError
from tmkd.training import divergence
from tmkd.training.config import EngineConfig
from tmkd.training.learned import check_learned
from tmkd.training.plan import finished
from tmkd.training.run import train, worker_resources
from tmkd.training.stage import Stage
from tmkd.workspace import Workspace

Chain = Sequence[Stage]
Unit = Sequence[Chain]
"""What one set of workers trains one after the other: whole groups of chains that begin with the same stage."""
UNITS_PER_LANE = 4
"""Few, as every unit pays for new processes and their imports; several, so that no lane stands idle for long."""


def train_side_by_side(
    chains: Sequence[Sequence[Stage]], config: EngineConfig, workspace: Workspace, run: str, label: str
) -> dict[str, str]:
    """Train the stages of all chains that are not finished; chains that begin with the same stage share it.

    They are dealt out to a few Ray tasks, each with a set of training workers of its own. What fails is noted and the
    others go on. Interrupted at any moment, the same call goes on from the last checkpoints.

    Args:
        chains: stages in order, each starting from the one before it; equal outputs are equal stages.
        config: workers, precision, checkpoints of every group; with ``cpus_per_worker: auto`` a worker has one CPU.
        workspace: where corpora, labels and models lie.
        run: name of the run, whose private state lies under ``runs/<run>``.
        label: of the progress bar, which counts optimiser steps.

    Returns:
        Output folder of the last stage of a chain that could not be trained -> why.
    """
    alone = config if config.cpus_per_worker != "auto" else config.model_copy(update={"cpus_per_worker": 1.0})

    def is_done(unit: Unit) -> bool:
        return all(finished(workspace, stage) is not None for stage in _stages(unit))

    failed = _refused(chains, config, workspace)
    chains = [chain for chain in chains if chain[-1].output not in failed]
    # Dealt out before what is finished is left out: a call that was killed left its state under the names of its units.
    waiting = [unit for unit in _dealt(_groups(chains), UNITS_PER_LANE * lanes(alone)) if not is_done(unit)]
    if not waiting:
        return failed
    steps = float(sum(stage.steps for unit in waiting for stage in _stages(unit)))
    task = f"{run}/side by side"
    remote: Any = ray.remote(num_cpus=0, max_retries=0)(_train_group)
    running: dict[Any, Unit] = {}
    with watch_progress(task, label, steps, "steps"):
        while waiting or running:
            while waiting and len(running) < lanes(alone):
                unit = waiting.pop(0)
                running[remote.remote(_stages(unit), alone, workspace, run, task, steps)] = unit
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            unit, reason = running.pop(done), _reason(done)
            left = [chain for chain in unit if not is_done([chain])] if reason else []
            lost = _diverged(left, workspace)
            failed |= lost
            left = [chain for chain in left if chain[-1].output not in lost]
            smaller = _smaller(left, workspace) or ([left] if left and lost else [])
            waiting.extend(smaller)
            if not smaller:
                failed |= {chain[-1].output: str(reason) for chain in left}
    return failed


def _refused(chains: Sequence[Chain], config: EngineConfig, workspace: Workspace) -> dict[str, str]:
    """Return the last outputs of chains with a stage that has too little to learn from -> why."""
    faults: dict[str, str] = {}
    for stage in _stages(chains):
        try:
            if finished(workspace, stage) is None:
                check_learned(stage.spec, workspace, config.min_scored)
        except UserError as error:
            faults[stage.output] = str(error)
    found = {chain[-1].output: [faults[s.output] for s in chain if s.output in faults] for chain in chains}
    return {output: reasons[0] for output, reasons in found.items() if reasons}


def _diverged(left: Unit, workspace: Workspace) -> dict[str, str]:
    """Return the last outputs of chains that it is of no use to try again -> why."""
    why = {stage.output: divergence.noted(workspace, stage) for stage in _stages(left)}
    found = {chain[-1].output: next((why[s.output] for s in chain if why[s.output]), None) for chain in left}
    return {output: reason for output, reason in found.items() if reason}


def _smaller(left: Unit, workspace: Workspace) -> list[Unit]:
    """Return the units to try what failed in, so that one failure takes no other with it; none if there are none."""
    if len(groups := _groups(left)) > 1:
        return groups
    if len(left) > 1 and finished(workspace, left[0][0]) is not None:
        return [[chain] for chain in left]
    return []


def lanes(config: EngineConfig) -> int:
    """Return how many sets of workers the cluster has room for at once; at least one."""
    cpus, gpus = worker_resources(config)
    most = config.placement.in_reach("training")  # names neither where a head computes nothing and no node has come yet
    wanted = {"CPU": cpus, **({"GPU": gpus} if gpus else {})}
    room = [most.get(name, 0.0) / (amount * config.workers) for name, amount in wanted.items()]
    return max(1, int(min(room)))


def _groups(chains: Sequence[Chain]) -> list[Unit]:
    groups: dict[str, dict[str, Chain]] = {}
    for chain in chains:
        groups.setdefault(chain[0].output, {})[chain[-1].output] = chain
    return [list(group.values()) for group in groups.values()]


def _dealt(groups: Sequence[Unit], units: int) -> list[Unit]:
    """Deal groups out to at most so many units of about the same cost, the dearest first."""
    dealt: list[list[Chain]] = [[] for _ in range(units)]
    costs = [0.0] * units
    for group in sorted(groups, key=lambda group: (-_cost(group), group[0][0].output)):
        least = costs.index(min(costs))
        dealt[least].extend(group)
        costs[least] += _cost(group)
    return sorted((unit for unit in dealt if unit), key=_cost, reverse=True)


def _stages(group: Unit) -> list[Stage]:
    """Return the stages of all chains, each once, parents before what starts from them."""
    return list({stage.output: stage for chain in group for stage in chain}.values())


def _cost(group: Unit) -> float:
    """Return roughly what a group takes, in rows times layers."""
    specs = [stage.spec for stage in _stages(group)]
    layers = [(spec.shape.layers if spec.shape else None) or 1 for spec in specs]
    return float(sum(s.steps * s.schedule.batch_size * n for s, n in zip(specs, layers, strict=True)))


def _train_group(stages: Chain, config: EngineConfig, workspace: Workspace, run: str, task: str, of: float) -> None:
    setup_worker()
    train(stages, config, workspace, run, stages[0].name, board=(task, of))


def _reason(done: Any) -> str | None:
    try:
        ray.get(done)
    except Exception as error:  # whatever it is, it is noted beside the other cells
        return explain(error)
    return None
