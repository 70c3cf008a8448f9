"""What ``jobs/compare.py`` trains: grids of regimes and shapes, a seed at a time."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from tmkd.config import Config
from tmkd.errors import nearest
from tmkd.recipe.kind_name import KindName
from tmkd.recipe.objective_names import SOFT, Objective
from tmkd.recipe.regimes import M_O_M, Regime
from tmkd.students.registry import KINDS

COMPARED = [*get_args(Regime), M_O_M]


class Grid(Config):
    """Every combination of what its lists name; an empty list stands for what the recipe itself says.

    Regimes without a stage 1 take the steps of both stages, whatever ``finetune.steps_of_both`` says; beside a
    stage 2 that starts from another corpus's student (``finetune.starts_from``) those of stage 2 alone.
    """

    regimes: list[str] = Field([], description=f"{', '.join(COMPARED)}")
    students: list[KindName] = Field([], description=f"kinds of student: {', '.join(KINDS)}")
    layers: list[Annotated[int, Field(ge=1, le=1000)]] = Field([], description="encoders' depths")
    alphas: list[Annotated[float, Field(ge=0, le=1)]] = Field([], description="weights of the soft labels in stage 2")
    learning_rates: list[Annotated[float, Field(gt=0, le=100)]] = Field(
        [], description="of stage 2, encoders of regimes with two stages"
    )
    objectives: list[Objective] = Field([], description=f"losses on soft labels, of both stages: {SOFT}")
    unlabeled_rows: list[Annotated[int, Field(ge=1, le=10**12)]] = Field(
        [], description="rows of stage 1, in whole shards"
    )

    @field_validator("regimes")
    @classmethod
    def _are_known(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in COMPARED:
                raise ValueError(f"{name!r} is none of {', '.join(COMPARED)}{nearest(name, COMPARED)}")
        return value


class CompareRecipe(Config):
    """What is compared, over how many seeds, and by which measure."""

    grids: list[Grid] = Field(
        [Grid(regimes=COMPARED)],
        min_length=1,
        description="what is compared: every combination within a row, each once, such as "
        "[{regimes: [golden, tmkd]}, {layers: [1, 3], alphas: [0.5, 0.9]}]; what a row leaves out is the recipe's own",
    )
    seeds: int = Field(3, ge=1, le=1000, description="seeds of every student; --seeds N says the same")
    reseed_teachers: bool = Field(
        False, description="train the teachers that are trained anew for every seed, at the cost of their labels"
    )
    measure: Literal["accuracy", "map"] = Field(
        "accuracy", description="what is compared: of rows, or where candidates are ranked the mean average precision"
    )
    resamples: int = Field(
        10_000, ge=1000, le=10**7, description="of the test questions, for intervals and paired tests"
    )
