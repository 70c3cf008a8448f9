"""What a recipe says of teachers: what they are, how they are trained, and what labelling is to cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tmkd.config import Config
from tmkd.labelling.job import MAX_REJECTED
from tmkd.models.student_config import Pooling
from tmkd.recipe.objective_names import ObjectiveList
from tmkd.teachers.config import TeacherConfig
from tmkd.training.config import Schedule


class WarmUp(Schedule):
    """Regression on the mean of other teachers' soft labels before a teacher sees golden labels."""

    teachers: list[str] = Field(description="names of the teachers to learn from; they must not have a warm_up")
    objectives: ObjectiveList = Field([], description="what it learns from soft labels; empty = their squared error")


class TeacherTraining(Config):
    """How a classifier is fine-tuned to be a teacher."""

    warm_up: WarmUp | None = Field(None, description="soft-label regression on the unlabeled split first")
    golden: Schedule = Field(Schedule(), description="fine-tuning on the golden labels of the train split")
    objectives: ObjectiveList = Field([], description="what it learns from golden labels; empty = their cross-entropy")
    pooling: Literal["head"] | Pooling = Field(
        "head", description="head = the model's own Hugging Face classifier; else a header as the student's"
    )
    seed: int | None = Field(None, ge=0, le=2**31, description="of this teacher's training; null = the recipe's")
    layers: int | None = Field(
        None, ge=1, le=1000, description="bottom layers kept, with a pooling other than head; null = all"
    )
    freeze_embeddings: bool = Field(
        False, description="leave the base's embeddings as they are, with a pooling other than head"
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="with a pooling other than head; null keeps the base's (slow on CPUs)"
    )

    def shaped(self) -> list[str]:
        """Return the keys that were given and that a Hugging Face classifier, taken as it is, does not heed."""
        given = {"layers": self.layers, "freeze_embeddings": self.freeze_embeddings or None, "dropout": self.dropout}
        return [key for key, value in given.items() if value is not None]


class TeacherEntry(TeacherConfig):
    """A teacher: what it is, what it may use, and how it is trained, if it is."""

    train: TeacherTraining | None = Field(None, description="null = use the model as it is")
    weight: float = Field(
        1.0,
        ge=0,
        le=1e6,
        description="of its header among the soft ones, and of its vote where teachers are averaged; pairs",
    )

    @model_validator(mode="after")
    def _trainable(self) -> TeacherEntry:
        if self.train is None or self.kind == "span_reader":
            return self
        if self.kind != "classifier":
            raise ValueError(f"train: only classifiers and span readers are trained here, but kind is {self.kind}")
        if self.classes is not None:
            raise ValueError("classes: only for a model that is used as it is; one trained here has the corpus's")
        if self.train.pooling == "head" and self.train.shaped():
            raise ValueError(
                f"train: {' and '.join(self.train.shaped())}: only with pooling cls, mean or match, but pooling is head"
            )
        return self

    def config(self) -> TeacherConfig:
        """Return the teachers room's part."""
        return TeacherConfig(**{name: getattr(self, name) for name in TeacherConfig.model_fields})


class LabellingRecipe(Config):
    """What ``label_corpus.py --plan`` reckons with, and when labelling stops."""

    actors: int | None = Field(
        None, ge=1, le=100_000, description="actors a teacher; null = as many as this cluster would start"
    )
    price_per_hour: float | None = Field(
        None, ge=0, le=1e6, description="of one actor and what it occupies, for the cost"
    )
    max_rejected: float = Field(
        MAX_REJECTED,
        ge=0,
        le=1,
        description="share of the rows of a shard or split that a teacher may fail on; with more, labelling stops and "
        "they do not count as labelled; 1 = never",
    )
