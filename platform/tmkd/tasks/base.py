"""Contract of a task: facts about it, and the parts of each package that are its own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Part = TypeVar("Part")


@dataclass(frozen=True)
class Task:
    """All that varies with what is asked of a model.

    Packages ask it for facts and for parts. A part is an object of the package that asks; it is named by module and
    attribute and imported when it is first asked for, so that a recipe is checked without torch.

    Attributes:
        name: in recipes (``corpus.task``).
        meaning: one line for ``--help``.
        gives: signals that its students and teachers give (`tmkd.tasks.signals`).
        sources: kinds of source that it can be read from.
        formats: extension of a file -> how it is read, where that differs from the usual.
        has_classes: whether golden labels are classes, and soft labels their logits.
        has_candidates: whether a question has several rows, of which some are better than others.
        has_answers: whether golden labels are answers in the text, which is read in windows where it is long.
        has_studies: whether comparisons and searches can run on it.
        has_other_tests: whether further test files can be judged (``evaluation.also``).
        tries_runtimes: whether faster runtimes are compared with exact ones before labelling.
        row: module and attribute of `tmkd.corpus.files.check.RowCheck`.
        layout: of `tmkd.corpus.schema.Layout`.
        student: of the student's class, a `tmkd.models.headed.Student`.
        lesson: of `tmkd.training.lessons.Lesson`.
        shorthands: of `tmkd.recipe.shorthands.UsualObjectives`.
        tracked: of a function that describes a finished student to MLflow (`tmkd.steps.student.step`).
        judging: of `tmkd.steps.judging.TaskJudging`.
    """

    name: str
    meaning: str
    gives: tuple[str, ...]
    row: str
    layout: str
    student: str
    lesson: str
    shorthands: str
    tracked: str
    judging: str
    sources: tuple[str, ...] = ("docs", "files", "hub")
    formats: Mapping[str, str] = field(default_factory=dict)
    has_classes: bool = False
    has_candidates: bool = False
    has_answers: bool = False
    has_studies: bool = False
    has_other_tests: bool = False
    tries_runtimes: bool = False


def load_part(place: str) -> Any:
    """Return the object at ``module:attribute``."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
