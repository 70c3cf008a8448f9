"""A stage: the specification that decides the weights of one model, and where one run of it puts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tmkd.frozen_map import FrozenMap
from tmkd.identity import APART, MERGED, identity_values, introduced
from tmkd.models.build import StudentShape
from tmkd.objectives import SOFT_OBJECTIVES
from tmkd.objectives.span_terms import ANSWER, ATTENTION
from tmkd.objectives.weighed import GOLDEN, soft_term
from tmkd.training.config import Schedule
from tmkd.training.stage_parts import Data, Objectives, Reading, Signal, Start
from tmkd.workspace import fingerprint


@dataclass(frozen=True)
class StageSpec:
    """Specification of one training: pure and hashable, so that equal ones make equal models.

    A field that is added later needs `tmkd.identity.introduced`, or every finished model becomes stale.

    Attributes:
        name: of the stage (``pretrain``, ``finetune``, ``teacher``, ``baseline``), as messages and MLflow show it.
        task: key of the registry of tasks; what it changes in the weights is in ``reading``.
        data: its rows.
        start: the model that it starts from.
        shape: of a student; None trains the folder as the Hugging Face classifier it is.
        max_length: tokens of an input.
        reading: of a span stage; None where pairs are classified.
        signals: header -> its soft labels; empty for golden labels alone.
        objectives: what is learned from the labels.
        schedule: how long and how fast; of a recipe's block only the schedule is kept.
        seed: of all that is drawn.
    """

    name: str = field(metadata=APART)
    task: str = field(metadata=APART)
    data: Data = field(metadata=MERGED)
    start: Start = field(metadata=MERGED)
    shape: StudentShape | None
    max_length: int
    signals: Mapping[str, Signal]
    objectives: Objectives = field(metadata=MERGED)
    schedule: Schedule
    seed: int
    reading: Reading | None = field(default=None, metadata=introduced(None))

    def __post_init__(self) -> None:
        object.__setattr__(self, "signals", FrozenMap(self.signals))
        object.__setattr__(self, "schedule", self.schedule.alone())

    @property
    def compares(self) -> bool:
        """Whether candidates of one question must be in one micro-batch."""
        soft = SOFT_OBJECTIVES[self.objectives.soft_objective]
        return bool(self.signals) and self.reading is None and soft.compares

    @property
    def learns_attention(self) -> bool:
        return self.reading is not None and self.reading.attention is not None

    @property
    def rows(self) -> int:
        return sum(self.data.shards.values())

    @property
    def headers(self) -> list[str]:
        return list(dict.fromkeys([*(["golden"] if self.objectives.golden else []), *self.signals]))

    @property
    def terms(self) -> list[str]:
        """The terms that each learn from rows of their own: those that have its label."""
        golden = self.objectives.golden
        answer = golden and self.reading is not None and self.reading.confusing is not None
        return [
            *([GOLDEN] if golden else []), *([ANSWER] if answer else []),
            *(soft_term(header) for header in self.signals), *([ATTENTION] if self.learns_attention else []),
        ]  # fmt: skip

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return self.schedule.steps(self.rows)

    def identity(self) -> str:
        """Return the fingerprint of all that decides the finished weights, except what a machine has room for.

        That is precision, number of workers, and how many shards are shuffled together: a model that was trained on
        another machine, or with less memory, is not trained again.
        """
        return fingerprint(identity_values(self) | {"fingerprints": self.data.fingerprints[self.data.split]})


@dataclass(frozen=True)
class Stage:
    """One run of a specification.

    Attributes:
        spec: what is trained.
        output: folder of the workspace for the finished model.
        tracked: the MLflow run that takes the curves.
    """

    spec: StageSpec
    output: str
    tracked: Any = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def rows(self) -> int:
        return self.spec.rows

    @property
    def steps(self) -> int:
        return self.spec.steps

    def identity(self) -> str:
        return self.spec.identity()
