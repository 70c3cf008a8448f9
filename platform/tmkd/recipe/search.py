"""What ``jobs/tmkd_search.py`` searches: shapes, weights and rates of stage 2, and what is wanted of the student."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tmkd.config import Config
from tmkd.recipe.kind_name import KindName
from tmkd.recipe.objective_names import SOFT, Objective
from tmkd.students.registry import KINDS


class Rates(Config):
    """Rates between two ends, drawn log-uniformly."""

    low: float = Field(5e-5, gt=0, le=100, description="lowest")
    high: float = Field(5e-4, gt=0, le=100, description="highest")

    @model_validator(mode="after")
    def _are_in_order(self) -> Rates:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        return self


class SearchRecipe(Config):
    """What is searched; an empty list stands for what the recipe itself says."""

    students: list[KindName] = Field([], description=f"kinds of student: {', '.join(KINDS)}")
    layers: list[Annotated[int, Field(ge=1, le=1000)]] = Field([], description="encoders' depths")
    hidden: list[Annotated[int, Field(ge=1, le=2**16)]] = Field(
        [], description="Bi-LSTMs' widths, each with its own stage 1"
    )
    alphas: list[Annotated[float, Field(ge=0, le=1)]] = Field([], description="weights of the soft labels in stage 2")
    learning_rates: Rates | None = Field(None, description="of stage 2; null = the recipe's rate")
    objectives: list[Objective] = Field([], description=f"losses on soft labels in stage 2: {SOFT}")
    weights: dict[str, list[Annotated[float, Field(gt=0, le=1e6)]]] = Field(
        {}, description="teacher -> weights of its header in stage 2, such as {cross_encoder: [0.5, 1, 2]}"
    )
    super_student: bool = Field(
        True, description="one stage 1 for all depths: each layer has headers, and depths are cut out of it afterwards"
    )
    trials: int = Field(24, ge=1, le=100_000, description="students tried; --trials N says the same")
    rungs: int = Field(
        3, ge=1, le=1000, description="times that a trial is judged on the validation split and may be stopped"
    )
    reduction: float = Field(
        2.0, gt=1, le=1000, description="about one trial of a shape in so many goes on at a rung (ASHA)"
    )
    metric: Literal["validation_accuracy", "validation_cross_entropy"] = Field(
        "validation_accuracy", description="what trials are proposed and stopped by; the pick goes by accuracy"
    )
    concurrent: int | None = Field(
        None, ge=1, le=10_000, description="trials at once; null = as many as there is room for"
    )
    under_ms: float | None = Field(
        None,
        gt=0,
        le=1e9,
        description="milliseconds that one pair may take, within which the best is picked; --under-ms N says the same",
    )
    at_least: float | None = Field(
        None,
        gt=0,
        le=2,
        description="share, say 0.97, of the ensemble's accuracy that the student must reach, of which the "
        "fastest is picked (within under_ms, where that is given too); --at-least N says the same",
    )
    speed_seconds: float = Field(
        1.0, gt=0, le=3600, description="to time one pair, and again many, of a shape on a runtime"
    )
