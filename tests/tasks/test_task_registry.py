"""Each task names parts that are there and of the kind that is asked for."""

from __future__ import annotations

import dataclasses

import pytest

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.schema import Layout, layout_of
from tmkd.errors import UserError
from tmkd.models.headed import Student
from tmkd.recipe.shorthands import UsualObjectives
from tmkd.steps.evaluation import judging_of
from tmkd.steps.judging import TaskJudging
from tmkd.tasks.base import load_part
from tmkd.tasks.registry import DEFAULT, TASKS, add_task, names_where, task_of
from tmkd.teachers.kinds import GIVES, KINDS, kinds_for, tasks_for
from tmkd.training.lessons import Lesson, lesson_of
from tmkd.training.model import student_class


@pytest.mark.parametrize("name", TASKS)
def test_the_parts_of_a_task_are_there(name: str) -> None:
    task = task_of(name)
    assert isinstance(layout_of(name), Layout) and isinstance(lesson_of(name), Lesson)
    assert issubclass(student_class(name), Student)
    assert isinstance(load_part(task.shorthands), UsualObjectives)
    assert isinstance(judging_of(name), TaskJudging)
    assert callable(load_part(task.row)) and callable(load_part(task.tracked))
    assert {"id", "source_id", "question", layout_of(name).text} <= set(layout_of(name).rows.names)


def test_every_kind_of_teacher_is_for_one_task_and_every_task_has_one() -> None:
    assert set(KINDS) <= set(GIVES)
    assert all(kinds_for(name) for name in TASKS)
    assert {kind: tasks_for(kind) for kind in KINDS} == {
        "classifier": "pair", "bi_encoder": "pair", "span_reader": "span",
    }  # fmt: skip


def test_a_task_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"task 'spam' is not known \(did you mean 'span'\?\); there are pair, span"):
        task_of("spam")
    with pytest.raises(ValueError, match="task 'spam' is not known"):
        CorpusConfig(task="spam")


def test_a_plugin_adds_a_task_once(monkeypatch) -> None:
    monkeypatch.setattr("tmkd.tasks.registry.TASKS", dict(TASKS))
    mine = dataclasses.replace(task_of(DEFAULT), name="mine", meaning="mine")
    add_task(mine)
    add_task(mine)  # a worker that imports the plugin again
    assert task_of("mine") is mine
    assert names_where(lambda task: task.has_classes) == "pair or mine"
    with pytest.raises(UserError, match="there is one of that name already"):
        add_task(dataclasses.replace(mine, meaning="another"))
