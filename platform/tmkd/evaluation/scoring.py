"""Scores and speed of finished models on a split: each loaded once, in one Ray task on the best device there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from tmkd.cluster import progress_poster, setup_worker
from tmkd.evaluation.alone import PROGRESS, run_alone
from tmkd.evaluation.scorer import Scorer, StoredRows, TimedModel, host_of
from tmkd.evaluation.task_scoring import Output, Pairs, TaskScoring, TextLimits
from tmkd.models.folders import fetch, local_folder
from tmkd.placement import Placement
from tmkd.runtimes.precision import set_threads
from tmkd.teachers.config import TeacherConfig


@dataclass(frozen=True)
class Measurement(Generic[Output]):
    """Rows to score, and models to score them with and to time.

    Attributes:
        scoring: of the task.
        rows: to be scored.
        students: model's name -> folder of the workspace; they are scored and timed.
        teachers: teacher's name -> its config and model; they are only timed, their labels are stored.
        limits: how much students read.
        precision: of the students: auto, fp32 or bf16.
        seconds: to time every model for; 0 = no timing.
        pairs: texts to time on.
        placement: of the training, whose nodes it runs on.
    """

    scoring: TaskScoring[Output]
    rows: StoredRows
    students: Mapping[str, str]
    teachers: Mapping[str, tuple[TeacherConfig, str]]
    limits: TextLimits
    precision: str
    seconds: float
    pairs: Pairs
    placement: Placement

    @property
    def models(self) -> int:
        """How many are scored or timed."""
        return len(self.students) + (len(self.teachers) if self.seconds else 0)


@dataclass(frozen=True)
class Measured(Generic[Output]):
    """Scores, speed and size of models.

    Attributes:
        outputs: student -> its scores of all rows; see `Scorer.score`.
        pairs_per_second: model -> pairs/s, tokenising included.
        parameters: model -> number of parameters.
    """

    outputs: dict[str, Output] = field(default_factory=dict)
    pairs_per_second: dict[str, float] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)


def measure(wanted: Measurement[Output]) -> Measured[Output]:
    """Score the rows with every student and time every model, alone on its device, one after the other."""
    return run_alone(
        _measure, wanted, wanted.scoring.title, wanted.models, wanted.placement, timed=wanted.seconds > 0
    )  # fmt: skip


def _measure(wanted: Measurement[Any], threads: int) -> Measured[Any]:
    setup_worker()
    set_threads(threads)
    post, found = progress_poster(PROGRESS), Measured[Any]()
    for name, where in wanted.students.items():
        folder = fetch(wanted.rows.workspace, where)
        scorer = Scorer.open(folder, wanted.limits, host_of(wanted.precision), f"student {name}")
        found.outputs[name] = scorer.score_stored(wanted.rows)
        _time(name, scorer, wanted, found)
        post(len(found.parameters), wanted.models)
    for name, (config, model) in wanted.teachers.items() if wanted.seconds else ():
        folder = local_folder(model, f"teachers.{name}.model")
        _time(name, TimedModel.of_teacher(wanted.scoring, config, folder, host_of(config.precision)), wanted, found)
        post(len(found.parameters), wanted.models)
    return found


def _time(name: str, model: TimedModel, wanted: Measurement[Any], found: Measured[Any]) -> None:
    found.parameters[name] = model.parameter_count
    if wanted.seconds:
        found.pairs_per_second[name] = model.pairs_per_second(wanted.pairs, wanted.seconds)
