"""Class of a kind of teacher, imported when it is first used."""

from __future__ import annotations

from typing import cast

from tmkd.tasks.base import load_part
from tmkd.teachers.base import Teacher
from tmkd.teachers.kinds import KINDS, OWN_KINDS


def teacher_class(kind: str) -> type[Teacher]:
    """Return the class of a kind of teacher."""
    return cast(type[Teacher], load_part((KINDS | OWN_KINDS)[kind]))
