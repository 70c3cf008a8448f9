"""Contract of a kind of student."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from tmkd.models.shape import StudentShape
from tmkd.models.student_config import Pooling
from tmkd.workspace import Workspace

Tree = dict[str, Any]
"""The block ``student`` of a recipe, as it is written."""


class WordSettings(Protocol):
    """What a recipe says of a student made of the corpus's words (``student.bi_lstm``)."""

    @property
    def layers(self) -> int: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def words(self) -> int: ...

    @property
    def embedding(self) -> int: ...

    @property
    def hidden(self) -> int: ...

    @property
    def vectors(self) -> str | None: ...


class StudentSettings(Protocol):
    """What a recipe says of the student (``student``)."""

    @property
    def base(self) -> str: ...

    @property
    def layers(self) -> int: ...

    @property
    def pooling(self) -> Pooling: ...

    @property
    def freeze_embeddings(self) -> bool: ...

    @property
    def dropout(self) -> float | None: ...

    @property
    def max_length(self) -> int: ...

    @property
    def bi_lstm(self) -> WordSettings: ...


class Texts(Protocol):
    """Texts of a corpus that a base may be made of."""

    def __call__(self, splits: tuple[str, ...]) -> Iterator[str]: ...


@dataclass(frozen=True)
class Material:
    """What a base may be made of.

    Attributes:
        workspace: where it is kept.
        corpus: name of the corpus.
        fingerprints: split -> fingerprint of its texts.
        texts: of splits, in order.
        seed: of all that is drawn.
    """

    workspace: Workspace
    corpus: str
    fingerprints: Mapping[str, str]
    texts: Texts
    seed: int


class StudentKind(ABC):
    """One kind of student.

    Attributes:
        name: in recipes (``student.kind``).
        meaning: one line for ``--help``.
        features: columns that it reads of a text: ``tokens``, ids of a tokenizer; a kind may add others.
        gives: signals (`tmkd.tasks.signals`); a task whose soft labels are none of them is not for it.
        axis: what a search varies as its size, a key of ``search``.
        layers_key: where a recipe has its layers, below ``student``.
        is_cut: whether it is the bottom of a base, so that its layers can be varied at the recipe's rates.
        base_type: ``model_type`` of its bases; empty = any that no other kind has.
    """

    name: ClassVar[str]
    meaning: ClassVar[str]
    features: ClassVar[tuple[str, ...]] = ("tokens",)
    gives: ClassVar[tuple[str, ...]]
    axis: ClassVar[str]
    layers_key: ClassVar[str]
    is_cut: ClassVar[bool] = False
    base_type: ClassVar[str] = ""

    @abstractmethod
    def shape(self, student: StudentSettings) -> StudentShape:
        """Return the shape that a recipe asks for."""

    @abstractmethod
    def base(self, student: StudentSettings, material: Material) -> str:
        """Return the name of the model that it is cut from, which is made first where it must be."""

    @abstractmethod
    def size(self, student: StudentSettings) -> int:
        """Return its size on the search's axis."""

    @abstractmethod
    def set_size(self, tree: Tree, size: int) -> None:
        """Write a size on the search's axis into a recipe's ``student``."""

    def rate(self, student: StudentSettings, of_stage: float) -> float:
        """Return the learning rate of a stage whose own is ``of_stage``."""
        return of_stage

    def set_rate(self, tree: Tree, rate: float) -> None:  # noqa: B027 - not every kind has one
        """Write a learning rate of its own into a recipe's ``student``; nothing where the stage's is taken."""

    def check(self, student: StudentSettings) -> None:  # noqa: B027 - not every kind needs one
        """Raise `UserError` if a file that it needs, other than a base of a recipe, cannot be used."""
