"""Sequence classifiers of any architecture; single-logit rerankers keep their raw logit (C = 1)."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.runtimes.torch_runtime import FloatArray, Progress, TorchRuntime, no_progress
from tmkd.tasks.features import Features, Ragged, Template
from tmkd.teachers.base import Card, Teacher, model_facts
from tmkd.teachers.classes import named_classes
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.host import Host
from tmkd.teachers.loading import load_config, load_model

SHOWN_KEYS = 3


class Classifier(Teacher):
    """Reads question and passage together and gives one logit a class."""

    def __init__(
        self, config: TeacherConfig, card: Card, host: Host, model: PreTrainedModel, template: Template
    ) -> None:
        super().__init__(config, card, host)
        self._features = Features(template, config.max_length)
        self._takes_types = takes_types(model)
        self._runtime = TorchRuntime(model, host.precision, host.device, self.batch_tokens)

    @classmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        model_config = load_config(folder)
        columns = len(model_config.id2label or {}) or 1
        names = named_classes(dict(model_config.id2label or {}), columns)
        return Card(columns, names, model_facts(folder, tokenizer))

    @classmethod
    def load(cls, config: TeacherConfig, folder: Path, host: Host) -> Classifier:
        model, made_up = load_model(AutoModelForSequenceClassification, folder)
        if made_up:
            shown = ", ".join(made_up[:SHOWN_KEYS]) + (" …" if len(made_up) > SHOWN_KEYS else "")
            raise UserError(
                f"{folder}: has no classifier head (its weights lack {shown}), so its scores would be random; train "
                "it first (jobs/train_teachers.py) or use it as kind: bi_encoder"
            )
        tokenizer = load_tokenizer(folder)
        check_max_length(config, model, folder)
        template = Template.of(tokenizer, 2)
        if (
            getattr(model.config, "pad_token_id", None) is None
        ):  # GPT-2: the last token that is not padding is classified
            model.config.pad_token_id = template.pad_id
        return cls(config, cls.describe(config, folder, tokenizer), host, model, template)

    @property
    def parameter_count(self) -> int:
        return self._runtime.parameter_count

    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> FloatArray:
        if not len(question):
            return torch.empty(0, self.columns).numpy()
        return self._runtime.run(self._features, (question, passage), self._forward, progress)

    def _forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        if not self._takes_types:
            inputs.pop("token_type_ids", None)
        logits: torch.Tensor = self._runtime.model(**inputs).logits  # [B, C]
        return logits


def takes_types(model: PreTrainedModel) -> bool:
    """Tell whether a model has segment embeddings; without them, GPT-2 would take segments for words."""
    in_forward = "token_type_ids" in inspect.signature(model.forward).parameters
    return in_forward and int(getattr(model.base_model.config, "type_vocab_size", 0) or 0) > 1


def check_max_length(config: TeacherConfig, model: PreTrainedModel, folder: Path) -> None:
    """Raise `UserError` if inputs could be longer than the model's position embeddings."""
    encoder: Any = model.base_model.config  # a student's own config says nothing of its encoder's positions
    positions = getattr(encoder, "max_position_embeddings", None)
    if positions is None:
        return
    offset = 2 if encoder.model_type in ("roberta", "xlm-roberta", "camembert", "longformer") else 0
    if config.max_length > positions - offset:
        raise UserError(
            f"max_length {config.max_length}: {folder} reads at most {positions - offset} tokens; "
            f"right would be {positions - offset} or less"
        )
