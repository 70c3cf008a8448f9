"""Whether the objectives that a recipe lists get the signals and labels that they need."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tmkd.objectives.base import ObjectiveConfig
from tmkd.tasks.registry import task_of

"""Task -> signals of its students and its teachers."""


@dataclass(frozen=True)
class Given:
    """What a stage can offer to its objectives.

    Attributes:
        task: of the corpus.
        teachers: signals of the teachers that the stage learns from; none without teachers.
        whose: what these are called in a message, such as ``the train split's soft labels``.
        golden: whether its split has golden labels.
        split: its name.
        classes: number of classes of the corpus.
    """

    task: str
    teachers: Collection[str]
    whose: str
    golden: bool
    split: str
    classes: int


def check_objectives(key: str, objectives: Sequence[ObjectiveConfig], given: Given) -> None:
    """Raise `ValueError` for the first objective that does not fit a stage, naming both sides.

    Args:
        key: of the list in the recipe.
        objectives: that are listed there.
        given: what the stage offers.
    """
    for config in objectives:
        kind, where = config.kind(), f"{key}: {config.name}"
        for signal in sorted(kind.needs_student - set(task_of(given.task).gives)):
            gives = " and ".join(task_of(given.task).gives)
            raise ValueError(
                f"{where} needs {signal} of the student, but corpus.task is {given.task}, whose students give {gives}"
            )
        for signal in sorted(kind.needs_teacher - set(given.teachers)):
            gives = " and ".join(given.teachers) or "nothing"
            raise ValueError(f"{where} needs {signal} of the teachers, but {given.whose} give {gives}")
        if kind.needs_golden and not given.golden:
            raise ValueError(f"{where} needs golden labels, but the {given.split} split has none")
        if kind.compares and given.classes != 2:
            raise ValueError(
                f"{where} compares candidates by the odds of two classes, but corpus.classes has {given.classes}; "
                "right would be mse or kl"
            )
