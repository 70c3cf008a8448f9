"""What Tune's trials tell MLflow: a child run each, ended whatever happens to the trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback

from tmkd.cluster import progress_poster
from tmkd.cluster_errors import cause_in_trace, explain
from tmkd.console import warn
from tmkd.search.interrupts import raise_if_seen
from tmkd.search.shape import Shape
from tmkd.search.trial import QUALITIES, SHAPE
from tmkd.tracking import RunHandle, Tracker

SHOWN = [*QUALITIES, "milliseconds", "pairs_per_second", "parameters"]


class Tracked(Callback):
    """Opens, feeds and ends MLflow's runs in the driver; picklable, as Tune keeps it for a resumed study.

    Args:
        tracker: where to.
        parent: the study's run.
        study: identity of the study; a resumed trial continues its run.
        rungs: results of a whole trial.
        trials: of the whole study.
        board: task under which finished trials are posted.
    """

    def __init__(self, tracker: Tracker, parent: RunHandle, study: str, rungs: int, trials: int, board: str) -> None:
        self.tracker, self.parent, self.study = tracker, parent, study
        self.rungs, self.trials, self.board = rungs, trials, board
        self._open: dict[str, RunHandle] = {}
        self._ended: set[str] = set()

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        raise_if_seen()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._run(trial)

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        step = int(result["steps"])
        self._run(trial).metrics({name: result[name] for name in SHOWN if name in result}, step=step)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        result = trial.last_result or {}
        whole = int(result.get("training_iteration", 0)) >= self.rungs
        self._run(trial).tags({"ended": "whole" if whole else "stopped by ASHA", "folder": result.get("folder", "")})
        self._end(trial, "FINISHED")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._run(trial).tags({"ended": "failed", "reason": reason(trial)[:500]})
        warn(f"trial {trial.trial_id} ({trial.config[SHAPE]}) failed: {reason(trial)}")
        self._end(trial, "FAILED")

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        for handle in self._open.values():
            handle.end("KILLED")
        self._open.clear()

    def _run(self, trial: Any) -> RunHandle:
        if trial.trial_id not in self._open:
            settings = parameters(trial.config)
            handle = self.tracker.begin(
                f"{trial.config[SHAPE]} {trial.trial_id}", parent=self.parent, key=f"{self.study} {trial.trial_id}"
            )
            handle.params(settings)
            self._open[trial.trial_id] = handle
        return self._open[trial.trial_id]

    def _end(self, trial: Any, status: str) -> None:
        self._open.pop(trial.trial_id).end(status)
        self._ended.add(trial.trial_id)
        progress_poster(self.board)(len(self._ended), self.trials)

    def get_state(self) -> dict[str, Any] | None:
        return {"ended": sorted(self._ended)}

    def set_state(self, state: dict[str, Any]) -> None:
        self._ended = set(state["ended"])


def parameters(config: dict[str, Any]) -> dict[str, Any]:
    """Return a trial's parameters, flat and with the shape's own, as MLflow's parallel coordinates want them."""
    return {**Shape.of(config[SHAPE]).settings(), **config}


def _told_here(trial: Any) -> str:
    """Return what Tune has written down in the driver and not yet put where a study's state is kept."""
    file = Path(trial.error_file) if trial.error_file else None
    return file.read_text(encoding="utf-8") if file and file.is_file() else ""


def reason(trial: Any) -> str:
    """Return why a trial failed, on one line."""
    error = trial.get_error() or _told_here(trial)
    if isinstance(error, BaseException):
        return explain(error)
    cause = cause_in_trace(str(error))
    return explain(cause) if cause else (str(error).strip().splitlines() or ["unknown"])[-1]
