"""What every step of a run shares: the recipe, the workspace, the tracker, and the log of what was done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tmkd.console import heading, note, show_table, warn
from tmkd.recipe.recipe import Recipe
from tmkd.tracking import RunHandle, Tracker
from tmkd.workspace import Workspace

MINIATURE = "a miniature: a random model of two layers stands for every model, so its quality means nothing"
"""What is to be said of a run with ``--fixture``, and on the pages that are left of it."""

EXIT_STATUS = "exit_status"
"""Key of a step's result that becomes the job's exit status and is not printed."""


@dataclass
class StepRecord:
    """One line of the summary table."""

    step: str
    state: str
    seconds: float
    where: str


@dataclass
class Context:
    """One job's run.

    Attributes:
        recipe: checked as a whole.
        workspace: where everything lands.
        tracker, run: MLflow, and the parent run of this job; its children are the trainings.
        relabel: whether labels (and what they hang on) may be made again at their cost.
        asked: the job's own switches that were given.
        remake: whether a corpus whose sources have changed is made again.
        command: that started this job.
        is_miniature: whether random models stand for the recipe's.
        log: of the steps, for the summary table.
        learned: stage -> its note, for the summary of rows by header.
        cautions: doubts about figures, shown wherever the figures are; see `caution`.
    """

    recipe: Recipe
    workspace: Workspace
    tracker: Tracker
    run: RunHandle
    relabel: bool = False
    remake: bool = False
    asked: frozenset[str] = frozenset()
    command: str = ""
    is_miniature: bool = False
    log: list[StepRecord] = field(default_factory=list)
    learned: dict[str, dict[str, Any]] = field(default_factory=dict)
    cautions: list[str] = field(default_factory=list)

    @property
    def caveats(self) -> list[str]:
        """What a reader of this run's pages has to know before the figures."""
        return [*([MINIATURE] if self.is_miniature else []), *self.cautions]

    def caution(self, message: str) -> None:
        """Warn of a doubt about figures, once, and keep it for every page, JSON result and MLflow run that has them."""
        if message not in self.cautions:
            warn(message)
            self.cautions.append(message)

    @property
    def run_folder(self) -> str:
        return f"students/{self.recipe.run_name}"

    @property
    def report_folder(self) -> str:
        return f"reports/{self.recipe.run_name}"

    def child(self, name: str, key: str) -> AbstractContextManager[RunHandle]:
        """Open a child run; one of the same ``key`` that was killed is continued."""
        return self.tracker.run(name, parent=self.run, key=key)

    @contextmanager
    def step(self, name: str, where: str) -> Iterator[None]:
        """Announce a step, time it and note it for the summary."""
        heading(name)
        started = time.monotonic()
        yield
        self.record(name, "made", time.monotonic() - started, where)

    def skip(self, name: str, where: str) -> None:
        """Note that a step's result is there already."""
        if all(record.step != name for record in self.log):
            note(f"{name}: up to date")
        self.record(name, "up to date", 0.0, where)

    def record(self, name: str, state: str, seconds: float, where: str) -> None:
        """Note a step once: a later look that finds it up to date adds nothing."""
        if state == "made" or all(record.step != name for record in self.log):
            self.log.append(StepRecord(name, state, seconds, self.workspace.show(where)))

    def show_summary(self, next_command: str | None) -> None:
        """Print where things are, seconds a step and what to run next."""
        rows: list[list[Any]] = [[r.step, r.state, f"{r.seconds:.1f}", r.where] for r in self.log]
        rows.append(["sum", "", f"{sum(record.seconds for record in self.log):.1f}", ""])
        show_table("What was done", ["step", "state", "seconds", "where"], rows)
        counts = [
            [stage, header, f"{rows:,}", f"{found['rows_of_stage']:,}"]
            for stage, found in self.learned.items()
            for header, rows in found.get("rows_by_header", {}).items()
        ]
        if counts:
            show_table("Rows learned from", ["stage", "header", "rows", "of"], counts)
        if next_command:
            note(f"next: {next_command}")
