"""What a recipe says about a teacher."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from tmkd.config import Config
from tmkd.errors import nearest
from tmkd.paths import PathText
from tmkd.placement import Placement
from tmkd.teachers.kinds import KINDS
from tmkd.text.patterns import compiled
from tmkd.text.tokens import MAX_CACHED_TOKENS

MOST_ACTORS, MOST_GPUS, MOST_TOKENS = 100_000, 1000, 10**9
"""Bounds far beyond any use, below what overflows in Ray and NumPy."""


class ActorRange(Config):
    """Between how many actors the pool may grow and shrink with the cluster."""

    min: int = Field(default=1, ge=1, le=MOST_ACTORS, description="actors the pool starts with and never goes below")
    max: int = Field(
        ge=1, le=MOST_ACTORS, description="actors the pool may grow to when there is work and the cluster has room"
    )

    @model_validator(mode="after")
    def _ordered(self) -> ActorRange:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class ResourcesConfig(Config):
    """What the actors of one teacher may use while labelling."""

    actors: Literal["auto"] | int | ActorRange = Field(
        default="auto",
        description="auto fills the cluster: an actor a GPU, or as many as its CPUs can feed; a number fixes the "
        "pool; {min: 1, max: 8} lets it grow and shrink with the cluster",
    )
    cpus_per_actor: float = Field(
        default=1.0,
        gt=0,
        le=10_000,
        description="CPU cores of an actor, so also its threads; with actors: auto, few shards get fewer actors with "
        "more cores each",
    )
    gpus_per_actor: Literal["auto"] | float = Field(
        default="auto",
        description="GPUs of an actor, a fraction shares one; auto takes 1 if the cluster has GPUs, else 0",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="where the model runs; auto takes GPUs if the cluster has any"
    )

    placement: Placement = Field(default=Placement(), description="which nodes the actors run on")

    @field_validator("actors")
    @classmethod
    def _some_actors(cls, actors: str | int | ActorRange) -> str | int | ActorRange:
        if isinstance(actors, int) and not 1 <= actors <= MOST_ACTORS:
            raise ValueError(f"at least one actor is needed and at most {MOST_ACTORS:,}, found {actors:g}")
        return actors

    @model_validator(mode="after")
    def _device_agrees(self) -> ResourcesConfig:
        if self.gpus_per_actor != "auto" and not 0 <= self.gpus_per_actor <= MOST_GPUS:
            raise ValueError(f"gpus_per_actor {self.gpus_per_actor:g} is not between 0 and {MOST_GPUS:,}")
        if self.gpus_per_actor != "auto" and self.device == ("cpu" if self.gpus_per_actor > 0 else "cuda"):
            raise ValueError(f"device {self.device!r} and gpus_per_actor {self.gpus_per_actor} do not go together")
        return self


class TeacherConfig(Config):
    """A model that gives soft labels: its folder, what it reads and what it runs on."""

    kind: str = Field(
        default="classifier",
        description="classifier: any Hugging Face sequence classifier, single-logit rerankers included; "
        "bi_encoder: cosine of the two texts' embeddings, calibrated to a logit; span_reader: any Hugging Face "
        "question answering model, for corpora of task span",
    )
    model: PathText = Field(
        description="a model folder (s3://… too), a Hugging Face Hub id, or package:NAME for an installed Python "
        "package that carries a model"
    )
    max_length: int = Field(
        default=128,
        ge=8,
        le=MAX_CACHED_TOKENS,
        description="tokens of an input, special tokens included; longer pairs are cut",
    )
    question_pattern: str | None = Field(
        default=None,
        description="regular expression whose group 1 is all this teacher reads of a question; null for all of it",
    )
    classes: dict[str, str] | None = Field(
        default=None,
        description="classifier only: {model's class: corpus class} where the names differ, such as {yes: relevant, "
        "no: not_relevant}; LABEL_0 is the model's first class whatever its name; null matches by name",
    )
    pooling: Literal["auto", "mean", "cls"] = Field(
        default="auto",
        description="bi_encoder only: embedding = mean of the token vectors or the first one; auto does what a "
        "sentence-transformers folder says, else mean (modules, prompts and similarity are always the folder's)",
    )
    max_question_tokens: int = Field(
        default=64, ge=1, le=MAX_CACHED_TOKENS, description="span_reader only: tokens that it reads of a question"
    )
    overlap: int = Field(
        default=128,
        ge=0,
        le=MAX_CACHED_TOKENS,
        description="span_reader only: tokens that a window of a long context shares with the one before",
    )
    top_logits: int | None = Field(
        default=None,
        ge=1,
        le=10**6,
        description="span_reader only: of a context keep so many of the best start and end logits and the mass of the "
        "rest, for huge corpora; null keeps all",
    )
    runtime: Literal["auto", "torch", "onnx"] = Field(
        default="auto", description="what computes; onnx (ONNX Runtime, CPUs only) needs the extra tmkd[onnx]"
    )
    precision: Literal["auto", "fp32", "bf16", "int8"] = Field(
        default="auto",
        description="number format of the encoder (torch keeps heads in fp32; int8 is onnx's); auto takes bf16 where "
        "hardware has it",
    )
    probe: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="try every runtime and precision that is auto on the first shard and take the fastest that stays "
        "faithful to fp32; auto does so from 100,000 pairs on",
    )
    batch_tokens: Literal["auto"] | int = Field(
        default="auto",
        description="tokens of a batch, padding included; auto: 4,096 on a CPU (512 with onnx), 65,536 on a GPU",
    )
    resources: ResourcesConfig = Field(default=ResourcesConfig(), description="actors, CPUs and GPUs")

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}{nearest(kind, KINDS)}; expected {' or '.join(KINDS)}")
        return kind

    @field_validator("question_pattern")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            compiled(pattern)
        return pattern

    @model_validator(mode="after")
    def _runtime_has_precision(self) -> TeacherConfig:
        if self.runtime == "torch" and self.precision == "int8":
            raise ValueError("precision int8 is the runtime onnx's; torch has fp32 and bf16")
        if self.runtime == "onnx" and self.precision == "bf16":
            raise ValueError("precision bf16 is the runtime torch's; onnx has fp32 and int8")
        if self.runtime == "onnx" and self.resources.device == "cuda":
            raise ValueError("runtime onnx runs on CPUs, but resources.device is cuda")
        return self

    @model_validator(mode="after")
    def _classes_are_a_classifier_s(self) -> TeacherConfig:
        if self.classes is not None and self.kind != "classifier":
            raise ValueError(f"classes: only classifiers have classes, but kind is {self.kind}; drop it")
        return self

    @field_validator("batch_tokens")
    @classmethod
    def _some_tokens(cls, tokens: str | int) -> str | int:
        if isinstance(tokens, int) and not 1 <= tokens <= MOST_TOKENS:
            raise ValueError(f"at least one token is needed and at most {MOST_TOKENS:,}, found {tokens:g}")
        return tokens
