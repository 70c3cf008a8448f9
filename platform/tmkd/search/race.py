"""ASHA within a shape: a shallow student is stopped for what other shallow ones reach, never for what deep ones do."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler

from tmkd.search.trial import SHAPE
from tmkd.workspace import Workspace


class Race(FIFOScheduler):
    """One ASHA (Li et al., MLSys 2020) a shape, so that the Pareto front keeps all of its ends.

    What trials reached is written down, as Tune forgets a scheduler's memory when its driver is killed.

    Args:
        metric, mode: what trials are stopped by.
        rungs: results of a whole trial.
        reduction: about one trial in so many goes on at each rung.
        workspace, path: where what was reached is kept.
    """

    def __init__(
        self, metric: str, mode: str, rungs: int, reduction: float, workspace: Workspace, path: str
    ) -> None:  # fmt: skip
        super().__init__()
        self._by, self._workspace, self._path = metric, workspace, path
        self._new: Callable[[], Any] = lambda: ASHAScheduler(
            "training_iteration", metric, mode, max_t=rungs + 1, grace_period=1, reduction_factor=reduction
        )
        self._races: dict[str, Any] = {}
        self._reached: list[dict[str, Any]] | None = None

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._recall()
        self._race(trial.config[SHAPE]).on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        found = {"trial": trial.trial_id, SHAPE: trial.config[SHAPE], "rung": result["training_iteration"]}
        reached = self._recall()
        reached.append({**found, self._by: result[self._by]})
        self._workspace.publish_json(self._path, {"reached": reached})
        decision: str = self._race(trial.config[SHAPE]).on_trial_result(tune_controller, trial, result)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self._race(trial.config[SHAPE]).on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._race(trial.config[SHAPE]).on_trial_error(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        self._race(trial.config[SHAPE]).on_trial_remove(tune_controller, trial)

    def debug_string(self) -> str:
        return "\n".join(f"{shape}: {race.debug_string()}" for shape, race in self._races.items())

    def _race(self, shape: str) -> Any:
        return self._races.setdefault(shape, self._new())

    def _recall(self) -> list[dict[str, Any]]:
        """Return what was reached so far; the first time it is read back, and told to the races again."""
        if self._reached is None:
            there = self._workspace.exists(self._path)
            self._reached = list(self._workspace.read_json(self._path)["reached"]) if there else []
            for each in self._reached:
                race, trial = self._race(each[SHAPE]), SimpleNamespace(trial_id=each["trial"])
                if each["trial"] not in race._trial_info:
                    race.on_trial_add(None, trial)
                race.on_trial_result(None, trial, {**each, "training_iteration": each["rung"]})
        return self._reached
