"""The config of the default source."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tmkd.config import Config
from tmkd.paths import PathText

Difficulty = Literal["random", "far", "near"]
MOST = 10**8
"""Questions, docstrings or ranks, far beyond any use."""


class NegativesConfig(Config):
    """Which passages that are not the question's own stand beside it."""

    far: tuple[int, int] = Field(default=(10, 50), description="window of BM25 ranks for 'far' negatives")
    near: tuple[int, int] = Field(default=(3, 10), description="window of BM25 ranks for 'near' negatives")
    unlabeled: list[Difficulty] = Field(default=["random", "far"], description="negatives of every unlabeled question")
    labelled: list[Difficulty] = Field(
        default=["random", "far", "near"], min_length=1, description="one negative a labelled question, taken in turn"
    )

    @field_validator("far", "near")
    @classmethod
    def _is_window(cls, window: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= window[0] <= window[1] <= MOST:
            raise ValueError(
                f"{list(window)} is no window of ranks: expected [first, last] with 1 <= first <= last <= {MOST:,}"
            )
        return window


class DocsConfig(Config):
    """Documentation of installed Python packages: a docstring's summary asks, its body answers."""

    packages: list[str] | None = Field(
        default=None, description="import names, such as [rich, yaml]; null = all installed"
    )
    folder: PathText | None = Field(
        default=None, description="folder that holds packages, in place of the installed ones"
    )
    max_per_package: int = Field(
        default=2000, ge=1, le=MOST, description="docstrings a package, so that no package dominates"
    )
    unlabeled_questions: int = Field(default=3000, ge=1, le=MOST, description="questions of the unlabeled split")
    golden_questions: int = Field(
        default=300, ge=0, le=MOST, description="questions with golden labels; a smaller number is a subset"
    )
    validation_questions: int = Field(default=300, ge=0, le=MOST, description="from packages that are not trained on")
    test_questions: int = Field(default=1000, ge=0, le=MOST, description="from packages that are not trained on")
    negatives: NegativesConfig = Field(default=NegativesConfig(), description="mix of negatives")
