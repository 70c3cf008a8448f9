"""The contract of an objective: a strict config, and a module that turns signals into named sums over rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from tmkd.config import Config
from tmkd.objectives.signals import Signals


@dataclass(frozen=True)
class Setting:
    """What an objective is built for.

    Attributes:
        classes: number of classes; 0 of spans.
        hidden_size: width of the student's states.
        header_weights: header -> its weight among the soft ones; 1 for any other.
    """

    classes: int = 0
    hidden_size: int = 0
    header_weights: Mapping[str, float] = field(default_factory=dict)


class ObjectiveConfig(Config):
    """One objective of a stage, as a recipe lists it; each kind adds its hyper-parameters."""

    name: str = Field(description="key of the registry of objectives")
    weight: float = Field(1.0, gt=0, le=1e6, description="factor of its main term in the loss")

    @classmethod
    def kind(cls) -> type[Objective]:
        """Return the module that this configures."""
        raise NotImplementedError(f"{cls.__name__} must say what it configures")

    def build(self, setting: Setting) -> Objective:
        """Return the module; its own parameters, if it has any, are drawn from torch's global generator."""
        return self.kind()(self, setting)


class Objective(nn.Module, ABC):
    """A loss over one or more signals.

    Parameters of a subclass are trained and checkpointed with the student, and never exported with it.

    Attributes:
        needs_student, needs_teacher: names of signals (`tmkd.objectives.signals`).
        needs_golden: whether it learns from golden labels, so that the student has a golden header.
        compares: whether it needs a question's candidates in one micro-batch, and two classes.
        term: the term that the weight multiplies; also how MLflow shows it.
    """

    needs_student: ClassVar[frozenset[str]] = frozenset()
    needs_teacher: ClassVar[frozenset[str]] = frozenset()
    needs_golden: ClassVar[bool] = False
    compares: ClassVar[bool] = False
    term: ClassVar[str]

    def __init__(self, config: Any, setting: Setting) -> None:
        super().__init__()
        self.config = config
        self.setting = setting

    @classmethod
    @abstractmethod
    def learns_from(cls, headers: Sequence[str]) -> dict[str, list[str]]:
        """Return each of its terms with the labels that it learns from, by the names of `Weighed.of`.

        Args:
            headers: those with soft labels.
        """

    @abstractmethod
    def forward(self, student: Signals, signals: Signals, targets: Any) -> dict[str, Tensor]:
        """Return the sum over the rows of each term of `learns_from`.

        Args:
            student: what the student gives, at least `needs_student`.
            signals: what the teachers give, at least `needs_teacher`.
            targets: golden labels and the weights of rows by label (`Weighed`).
        """
