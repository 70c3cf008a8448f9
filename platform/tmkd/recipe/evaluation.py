"""What a recipe says of the judged split and of further test files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tmkd.config import Config
from tmkd.paths import PathText, check_name_length


class OtherTest(Config):
    """A further labelled file that the finished models are judged on."""

    path: PathText = Field(description="the file, in the format of the recipe's corpus")
    variants: bool = Field(
        False,
        description="rows whose ids are the same up to the first '-' are variants of one question, of which the worst "
        "answer counts, as in Adversarial SQuAD",
    )


class EvaluationRecipe(Config):
    """What is measured in the end."""

    split: Literal["test", "validation"] = Field("test", description="the split that is judged")
    speed_seconds: float = Field(3.0, ge=0, le=3600, description="seconds to time every model for; 0 = no timing")
    also: dict[str, OtherTest] = Field({}, description="spans only: further test files, by name")
    bootstrap: int = Field(2000, ge=100, le=10**6, description="resamples of the questions for the 95 % intervals")

    @field_validator("also")
    @classmethod
    def _are_folder_names(cls, value: dict[str, OtherTest]) -> dict[str, OtherTest]:
        for name in value:
            check_name_length(name)
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"name {name!r} must be letters, digits, '-' and '_', as folders are called so")
        return value
