"""A study: Ray Tune runs the trials, Optuna proposes them, ASHA stops the weak ones; killed, it goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from tmkd.cluster import watch_progress
from tmkd.errors import UserError
from tmkd.placement import SHARE, Placement
from tmkd.search.interrupts import heeded
from tmkd.search.race import Race
from tmkd.search.tracked import Tracked, parameters, reason
from tmkd.search.trial import QUALITIES, SHAPE, Lab, Trial
from tmkd.tracking import RunHandle, Tracker
from tmkd.training.side_by_side import lanes
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
        placement: which nodes trials run on.
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
    placement: Placement = field(default_factory=Placement)


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

    Interrupted at any moment, the same call goes on: finished trials are kept, others continue from their checkpoints,
    and those that failed are tried again.

    Raises:
        UserError: if Tune ended before all trials did.
    """
    from ray import tune

    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # its own would end a search as if it were finished
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    folder, board = f"runs/{study.name}", f"{study.name}/search"
    path = workspace.show(f"{folder}/search-{study.identity}")
    trainable = tune.with_resources(tune.with_parameters(Trial, lab=study.lab), _resources(study))
    tracker.end_children(parent)  # of a driver that was killed; those that go on are opened again
    if tune.Tuner.can_restore(path):
        tuner = tune.Tuner.restore(path, trainable, resume_unfinished=True, resume_errored=True)
    else:
        tuner = _new(study, trainable, workspace, tracker, parent, folder, board)
    try:
        with watch_progress(board, "trials", study.trials, "trials"), heeded():
            grid = tuner.fit()
    except BaseException:  # Ctrl-C among them
        tracker.end_children(parent)
        raise
    trials = grid._experiment_analysis.trials
    if any(trial.status not in ("TERMINATED", "ERROR") for trial in trials):
        raise UserError("search: Ray Tune ended before all trials did; the same command goes on")
    return [_tried(trial, study) for trial in trials]


def check_optuna() -> None:
    """Raise `UserError` if Optuna, which proposes the trials, is not installed."""
    if find_spec("optuna") is None:
        raise UserError('a search needs Optuna; pip install "tmkd[search]"')


def _resources(study: Study) -> Any:
    """Return what a trial takes, on nodes for training where some are marked for it."""
    from ray import tune

    where = study.placement.options("training")
    kind = {f"accelerator_type:{where['accelerator_type']}": SHARE} if "accelerator_type" in where else {}
    bundle = {"CPU": study.cpus, **({"GPU": study.gpus} if study.gpus else {}), **where.get("resources", {}), **kind}
    labels = {"bundle_label_selector": [where["label_selector"]]} if "label_selector" in where else {}
    return tune.PlacementGroupFactory([bundle], **labels)


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
            max_concurrent_trials=study.concurrent or lanes(study.lab.engine),
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
    from ray.tune.search.optuna import OptunaSearch

    points = [dict(point) for point in study.first]
    return OptunaSearch(
        metric=[study.metric, "milliseconds"], mode=[mode, "min"], points_to_evaluate=points, seed=study.seed
    )


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
