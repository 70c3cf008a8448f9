"""Parts of a stage's specification: its rows, its start, its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tmkd.frozen_map import FrozenMap
from tmkd.identity import APART
from tmkd.soft_labels.calibration import Calibration


@dataclass(frozen=True)
class Data:
    """Rows of a stage.

    Attributes:
        corpus, split: the rows.
        fingerprints: split -> fingerprint of its ids and text; those of other splits may change.
        shards: shard name -> rows.
        classes: names of the classes.
        golden_identity: fingerprint of the golden labels that are learned; new judgements make the model stale.
        validation: shard name -> rows of the validation split; empty = none.
    """

    corpus: str
    split: str
    fingerprints: Mapping[str, str] = field(metadata=APART)
    shards: Mapping[str, int]
    classes: tuple[str, ...]
    golden_identity: str = ""
    validation: Mapping[str, int] = field(default_factory=FrozenMap, metadata=APART)

    def __post_init__(self) -> None:
        for name in ("fingerprints", "shards", "validation"):
            object.__setattr__(self, name, FrozenMap(getattr(self, name)))


@dataclass(frozen=True)
class Start:
    """Model that a stage starts from: a base, or the model of the stage before.

    Attributes:
        base: model folder (local) to cut a student from; None inherits the model in ``folder``.
        base_identity: fingerprint of its weights and vocabulary, wherever it lies.
        folder: folder of the workspace whose model is inherited.
        parent: identity of the stage whose model is inherited.
    """

    base: str | None = field(default=None, metadata=APART)
    base_identity: str = ""
    folder: str | None = field(default=None, metadata=APART)
    parent: str = ""


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
    """How a span stage reads, and how it reads what its readers give.

    Attributes:
        max_question_tokens: read of a question.
        overlap: tokens that a window of a long context shares with the one before.
        unanswerable: whether there are contexts without an answer (SQuAD 2.0).
        temperature: tau at which the readers' probabilities are averaged.
        candidates: K, of each reader's best answers those that may be the most confusing one.
        confusing: the readers whose most confusing answer is avoided; None = no such label.
        attention: the store of where they look together; None = no such label.
    """

    max_question_tokens: int = 64
    overlap: int = 128
    unanswerable: bool = False
    temperature: float = 1.0
    candidates: int = 4
    confusing: Signal | None = None
    attention: Signal | None = None
