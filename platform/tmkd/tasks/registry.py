"""All tasks, one line each. A new one is a new file and a line here, or a call of `add_task` in a plugin."""

from __future__ import annotations

from collections.abc import Callable

from tmkd.errors import UserError, nearest
from tmkd.tasks.base import Task
from tmkd.tasks.pair import PAIR
from tmkd.tasks.span import SPAN

TASKS: dict[str, Task] = {task.name: task for task in (PAIR, SPAN)}
DEFAULT = PAIR.name
"""Of recipes and manifests that name none."""


def task_of(name: str) -> Task:
    """Return a task by its name.

    Raises:
        UserError: naming the tasks that there are.
    """
    if name not in TASKS:
        raise UserError(f"task {name!r} is not known{nearest(name, list(TASKS))}; there are {', '.join(TASKS)}")
    return TASKS[name]


def add_task(task: Task) -> None:
    """Add a task of a plugin.

    Raises:
        UserError: if there is another one of that name.
    """
    if TASKS.setdefault(task.name, task) != task:
        raise UserError(f"task {task.name!r}: there is one of that name already")


def names_where(fact: Callable[[Task], bool]) -> str:
    """Return the names of the tasks of which something is true, as messages list them."""
    return " or ".join(name for name, task in TASKS.items() if fact(task))
