"""A stage: the specification that decides the weights of one model, and where one run of it puts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tmkd.frozen_map import FrozenMap
from tmkd.identity import APART, MERGED, identity_values, introduced
from tmkd.models.shape import StudentShape
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.compose import learned_labels, learned_terms
from tmkd.objectives.weighed import ANSWER, ATTENTION, GOLDEN, soft_term
from tmkd.tasks.signals import ATTENTION_MAPS
from tmkd.training.config import Schedule
from tmkd.training.stage_identity import objective_values
from tmkd.training.stage_parts import Data, Reading, Signal, Start
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
        objectives: what is learned from the labels, in the order in which the terms are summed.
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
    objectives: tuple[ObjectiveConfig, ...] = field(metadata=APART)  # `identity` enters them in their flat form
    schedule: Schedule
    seed: int
    reading: Reading | None = field(default=None, metadata=introduced(None))

    def __post_init__(self) -> None:
        object.__setattr__(self, "signals", FrozenMap(self.signals))
        object.__setattr__(self, "schedule", self.schedule.alone())

    @property
    def golden(self) -> bool:
        """Whether golden labels are learned."""
        return any(config.kind().needs_golden for config in self.objectives)

    @property
    def compares(self) -> bool:
        """Whether candidates of one question must be in one micro-batch."""
        return bool(self.signals) and any(config.kind().compares for config in self.objectives)

    @property
    def learns_attention(self) -> bool:
        return any(ATTENTION_MAPS in config.kind().needs_student for config in self.objectives)

    @property
    def rows(self) -> int:
        return sum(self.data.shards.values())

    @property
    def headers(self) -> list[str]:
        return list(dict.fromkeys([*(["golden"] if self.golden else []), *self.signals]))

    @property
    def terms(self) -> list[str]:
        """The labels that some rows may lack; most are also a term, which learns from the rows that have it."""
        learned = learned_labels(self.objectives, list(self.signals))
        order = [GOLDEN, ANSWER, *(soft_term(header) for header in self.signals), ATTENTION]
        return [label for label in order if label in learned]

    @property
    def learned(self) -> dict[str, list[str]]:
        """The terms of all objectives, each with the labels that it learns from."""
        return learned_terms(self.objectives, list(self.signals))

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return self.schedule.steps(self.rows)

    def identity(self) -> str:
        """Return the fingerprint of all that decides the finished weights, except what a machine has room for.

        That is precision, number of workers, and how many shards are shuffled together: a model that was trained on
        another machine, or with less memory, is not trained again.
        """
        values = identity_values(self) | objective_values(self.objectives)
        return fingerprint(values | {"fingerprints": self.data.fingerprints[self.data.split]})


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
