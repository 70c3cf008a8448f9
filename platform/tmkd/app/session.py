"""One job from an open workspace to its summary: models checked, Ray up, MLflow run open, step done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tmkd import tracking
from tmkd.app.reach import check_workspace
from tmkd.app.signals import heed_signals
from tmkd.cluster import connect
from tmkd.recipe.recipe import Recipe
from tmkd.scratch import sweep_workspace
from tmkd.steps.context import Context
from tmkd.steps.preflight import announce, check_models
from tmkd.tracking.abandoned import PROCESS_TAG, end_abandoned, this_process
from tmkd.workspace import Workspace
from tmkd.yaml_nodes import dump

CAUTIONS = "cautions"
"""Key of the doubts about figures in the result and among MLflow's tags."""
CONTINUED = ("compare", "tmkd_search")
"""Jobs with a child run a cell or a trial: after a kill they go on in the same MLflow run."""


def run_job(
    job: str,
    recipe: Recipe,
    workspace: Workspace,
    step: Callable[[Context], dict[str, Any]],
    next_command: str | None,
    switches: Any,
) -> dict[str, Any]:
    """Run a job's step inside an MLflow run, print the summary, return the result."""
    announce(recipe, workspace.show())
    tracking.warm_up(workspace)
    check_models(recipe)
    connect(switches.verbose)
    heed_signals()  # Ray has put a handler of its own in place
    check_workspace(workspace)
    sweep_workspace(workspace)
    tracker = tracking.open_tracker(workspace, recipe.name)
    key = f"{job} {recipe.run_name}" if job in CONTINUED else None
    end_abandoned(tracker)
    with tracker.run(recipe.run_name, tags={"job": job}, key=key) as run:
        run.tags({PROCESS_TAG: this_process()})
        run.params(flat(recipe.model_dump(mode="json")))
        run.text(dump(recipe.model_dump(mode="json")), "recipe.yaml")
        context = Context(
            recipe, workspace, tracker, run, relabel=switches.relabel, remake=switches.remake, asked=switches.asked,
            command=switches.command, is_miniature=switches.fixture,
        )  # fmt: skip
        result = step(context)
        if context.cautions:
            run.tags({CAUTIONS: "\n".join(context.cautions)})
        run.metrics({f"seconds/{record.step}": record.seconds for record in context.log if record.seconds})
    context.show_summary(next_command or tracker.ui_command)
    doubts = {CAUTIONS: context.cautions} if context.cautions else {}
    return {**result, **doubts, "steps": _steps(context)}


def _steps(context: Context) -> dict[str, dict[str, Any]]:
    """Return state and seconds of every step; one that ran twice (labels of more splits) took the sum."""
    steps: dict[str, dict[str, Any]] = {}
    for record in context.log:
        before = steps.get(record.step, {}).get("seconds", 0.0)
        steps[record.step] = {"state": record.state, "seconds": before + record.seconds}
    return steps


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return ``{"student.layers": 3, ...}`` of a nested tree, as MLflow shows parameters."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            leaves |= flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
