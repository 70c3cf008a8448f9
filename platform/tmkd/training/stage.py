"""A stage: everything a worker needs to know to train one model once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tmkd.models.build import StudentShape
from tmkd.objectives import SOFT_OBJECTIVES
from tmkd.objectives.span_terms import ANSWER, ATTENTION
from tmkd.objectives.weighed import GOLDEN, soft_term
from tmkd.soft_labels.calibration import Calibration
from tmkd.training.config import Schedule
from tmkd.workspace import fingerprint

_NOT_OF_THE_WEIGHTS = {
    "name",
    "output",
    "base",
    "starts_from",
    "validation",
    "tracked",
    "schedule",
    "signals",
    "shape",
    "reading",
}
"""Attributes of a stage that do not decide what its model becomes, or that `Stage.identity` enters in another form."""


@dataclass(frozen=True)
class Signal:
    """Where a header's soft labels come from: one teacher, or the mean of several teachers' class logits."""

    teachers: tuple[str, ...]
    calibrations: tuple[Calibration | None, ...]
    identity: str  # fingerprint of what made the labels; a header is inherited only from the same
    shares: tuple[float, ...] = ()  # of each teacher in the mean; empty = equal ones
    weight: float = 1.0  # of its header among the soft ones

    @property
    def voters(self) -> list[str]:
        """The teachers that have a share in the mean."""
        shares = self.shares or (1.0,) * len(self.teachers)
        return [teacher for teacher, share in zip(self.teachers, shares, strict=True) if share > 0]


@dataclass(frozen=True)
class Reading:
    """How a span stage reads, and what it learns beside golden answers.

    Attributes:
        max_question_tokens: read of a question.
        overlap: tokens that a window of a long context shares with the one before.
        unanswerable: whether there are contexts without an answer (SQuAD 2.0).
        temperature: tau of the soft labels.
        candidates: K, of each reader's best answers those that may be the most confusing one.
        confusing: the readers whose most confusing answer is avoided; None = no such term.
        attention: the store of where they look together; None = no such term.
    """

    max_question_tokens: int = 64
    overlap: int = 128
    unanswerable: bool = False
    temperature: float = 1.0
    candidates: int = 4
    confusing: Signal | None = None
    attention: Signal | None = None


@dataclass(frozen=True)
class Stage:
    """One training of one model.

    Attributes:
        name: of the stage (``pretrain``, ``finetune``, ``teacher``, ``baseline``), as MLflow shows it.
        output: folder of the workspace for the finished model.
        corpus, split: the rows.
        fingerprints: split -> fingerprint of its ids and text.
        shards: shard name -> rows.
        classes: names of the classes.
        signals: header -> its soft labels; empty for golden labels alone.
        golden: whether golden labels are learned.
        weights: of the terms ``golden`` and ``soft``, of spans also ``answer`` and ``attention``.
        base: model folder (local) to cut a student from; None inherits ``starts_from``.
        base_identity: fingerprint of its weights and vocabulary, wherever it lies.
        starts_from: folder of the workspace whose model is inherited.
        shape: of a student; None trains the folder as the Hugging Face classifier it is.
        validation: shard name -> rows of the validation split; empty = none.
        golden_identity: fingerprint of the golden labels that are learned; new judgements make the model stale.
        parent: identity of the stage whose model is inherited.
        soft_objective: key of `tmkd.objectives.SOFT_OBJECTIVES`; of pairs.
        temperature: of that objective, where it has one.
        reading: of a span stage; None where pairs are classified.
    """

    name: str
    output: str
    corpus: str
    fingerprints: Mapping[str, str]
    split: str
    shards: Mapping[str, int]
    classes: tuple[str, ...]
    signals: Mapping[str, Signal]
    golden: bool
    weights: Mapping[str, float]
    schedule: Schedule
    seed: int
    max_length: int
    base: str | None = None
    base_identity: str = ""
    starts_from: str | None = None
    shape: StudentShape | None = None
    validation: Mapping[str, int] = field(default_factory=dict)
    soft_objective: str = "mse"
    temperature: float = 1.0
    golden_identity: str = ""
    parent: str = ""
    reading: Reading | None = None
    tracked: Any = None  # the MLflow run that takes the curves

    @property
    def task(self) -> str:
        return "span" if self.reading else "pair"

    @property
    def compares(self) -> bool:
        """Whether candidates of one question must stand in one micro-batch."""
        return bool(self.signals) and self.task == "pair" and SOFT_OBJECTIVES[self.soft_objective].compares

    @property
    def learns_attention(self) -> bool:
        return self.reading is not None and self.reading.attention is not None

    @property
    def rows(self) -> int:
        return sum(self.shards.values())

    @property
    def headers(self) -> list[str]:
        return list(dict.fromkeys([*(["golden"] if self.golden else []), *self.signals]))

    @property
    def terms(self) -> list[str]:
        """The terms that each learn from rows of their own: those that have its label."""
        answer = self.golden and self.reading is not None and self.reading.confusing is not None
        return [
            *([GOLDEN] if self.golden else []), *([ANSWER] if answer else []),
            *(soft_term(header) for header in self.signals), *([ATTENTION] if self.learns_attention else []),
        ]  # fmt: skip

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole stage."""
        return self.schedule.steps(self.rows)

    def identity(self) -> str:
        """Fingerprint of all that decides the finished weights, except what a machine has room for.

        That is precision, number of workers, and how many shards are shuffled together: a model that was trained on
        another machine, or with less memory, is not trained again.
        """
        values = {key: value for key, value in self.__dict__.items() if key not in _NOT_OF_THE_WEIGHTS}
        values["fingerprints"] = self.fingerprints[self.split]  # other splits may change
        values["schedule"] = self.schedule.model_dump(include=set(Schedule.model_fields))  # not what a recipe adds
        values.update({"reading": asdict(self.reading)} if self.reading else {})
        values["shape"] = asdict(self.shape) if self.shape else None
        values["signals"] = {header: asdict(signal) for header, signal in self.signals.items()}
        values["shards"], values["weights"] = dict(self.shards), dict(self.weights)
        return fingerprint(values)
