"""Name of a kind of student, wherever a recipe has one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from tmkd.students.registry import checked

KindName = Annotated[str, AfterValidator(checked)]
