"""A study: Ray Tune runs the trials, Optuna proposes them, ASHA stops the weak ones; killed, it goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from tmkd.cluster import watch_progress
from tmkd.errors import UserError
from tmkd.search.race import Race
from tmkd.search.tracked import Tracked, parameters, reason
from tmkd.search.trial import QUALITIES, SHAPE, Lab, Trial
from tmkd.tracking import RunHandle, Tracker
from tmkd.workspace import Workspace

TRIES = 2
"""How often a trial is gone on with whose process died."""


@dataclass(frozen=True)
class Study:
    """What is searched.

    Attributes:
        name: of the run, for progress and private state.
        identity: of all that decides what trials are worth; equal studies share their state.
        lab: what trials share.
        space: parameter -> list of choices, or (low, high) of a rate that is drawn log-uniformly.
        first: trials tried before Optuna proposes any, one a shape.
        trials: in all.
        metric: of `tmkd.search.trial.QUALITIES`.
        reduction: of ASHA.
        seed: of Optuna.
        cpus, gpus: of a trial.
        concurrent: trials at once; 0 = as many as the cluster has room for.
    """

    name: str
    identity: str
    lab: Lab
    space: Mapping[str, Any]
    first: Sequence[Mapping[str, Any]]
    trials: int
    metric: str
    reduction: float
    seed: int
    cpus: float
    gpus: float
    concurrent: int = 0


@dataclass(frozen=True)
class Tried:
    """What became of a trial.

    Attributes:
        trial: its id.
        settings: its flat parameters, those of the shape among them.
        state: ``whole``, ``stopped`` or ``failed``.
        result: its last one; empty where it failed before its first.
        reason: why it failed.
        seconds: it trained.
    """

    trial: str
    settings: dict[str, Any]
    state: str
    result: dict[str, Any]
    reason: str = ""
    seconds: float = 0.0


def run_study(study: Study, workspace: Workspace, tracker: Tracker, parent: RunHandle) -> list[Tried]:
    """Run the trials of a study that are not finished, side by side as far as the cluster has room.

    Interrupted at any moment, the same call goes on: finished trials are kept, others continue from their checkpoints.

    Raises:
        UserError: if Optuna is not installed.
    """
    from ray import tune

    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    folder, board = f"runs/{study.name}", f"{study.name}/search"
    path = workspace.show(f"{folder}/search-{study.identity}")
    trainable = tune.with_resources(
        tune.with_parameters(Trial, lab=study.lab), {"cpu": study.cpus, **({"gpu": study.gpus} if study.gpus else {})}
    )
    tracker.end_children(parent)  # of a driver that was killed; those that go on are opened again
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(path, trainable, resume_unfinished=True)
    else:
        tuner = _new(study, trainable, workspace, tracker, parent, folder, board)
    with watch_progress(board, "trials", study.trials, "trials"):
        grid = tuner.fit()
    return [_tried(trial, study) for trial in grid._experiment_analysis.trials]


def room(cpus: float, gpus: float) -> int:
    """Return how many trials the cluster has room for at once; at least one."""
    there = ray.cluster_resources()
    fits = [there.get("CPU", 1) / cpus, *([there.get("GPU", 0) / gpus] if gpus else [])]
    return max(1, int(min(fits)))


def _new(
    study: Study, trainable: Any, workspace: Workspace, tracker: Tracker, parent: RunHandle, folder: str, board: str
) -> Any:
    from ray import tune

    mode = QUALITIES[study.metric]
    return tune.Tuner(
        trainable,
        param_space=dict(space(study.space)),
        tune_config=tune.TuneConfig(
            search_alg=_optuna(study, mode),
            scheduler=Race(
                study.metric, mode, study.lab.rungs, study.reduction, workspace, f"{folder}/race-{study.identity}.json"
            ),
            num_samples=study.trials,
            max_concurrent_trials=study.concurrent or room(study.cpus, study.gpus),
            reuse_actors=True,
            trial_dirname_creator=_dirname,
        ),
        run_config=tune.RunConfig(
            name=f"search-{study.identity}",
            storage_path=workspace.show(folder),
            callbacks=[Tracked(tracker, parent, study.identity, study.lab.rungs, study.trials, board)],
            failure_config=tune.FailureConfig(max_failures=TRIES - 1),
            # What Tune wrote down may be a second old, and point at the checkpoint before the last.
            checkpoint_config=tune.CheckpointConfig(num_to_keep=2, checkpoint_frequency=1),
            verbose=0,
        ),
    )


def _optuna(study: Study, mode: str) -> Any:
    """Return TPE (Bergstra et al., NeurIPS 2011) for quality and time at once, so that it minds the whole front."""
    try:
        from ray.tune.search.optuna import OptunaSearch

        points = [dict(point) for point in study.first]
        return OptunaSearch(
            metric=[study.metric, "milliseconds"], mode=[mode, "min"], points_to_evaluate=points, seed=study.seed
        )
    except (ImportError, AssertionError) as error:
        raise UserError('a search needs Optuna; pip install "tmkd[search]"') from error


def space(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return Tune's domains: a list is chosen from, a pair (low, high) is drawn from log-uniformly."""
    from ray import tune

    return {
        name: tune.loguniform(*each) if isinstance(each, tuple) else tune.choice(list(each))
        for name, each in choices.items()
    }


def _dirname(trial: Any) -> str:
    return f"{trial.config[SHAPE]}-{trial.trial_id}"


def _tried(trial: Any, study: Study) -> Tried:
    result = {key: value for key, value in (trial.last_result or {}).items() if key in _KEPT}
    if trial.status == "ERROR":
        state = "failed"
    else:
        state = "whole" if int(result.get("training_iteration", 0)) >= study.lab.rungs else "stopped"
    return Tried(
        trial.trial_id, parameters(trial.config), state, result, reason(trial) if state == "failed" else "",
        float((trial.last_result or {}).get("time_total_s", 0.0)),
    )  # fmt: skip


_KEPT = (*QUALITIES, "milliseconds", "pairs_per_second", "parameters", "steps", "folder", "training_iteration")
