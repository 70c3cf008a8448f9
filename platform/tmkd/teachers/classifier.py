"""Sequence classifiers of any architecture; single-logit rerankers keep their raw logit (C = 1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.config_file import load_config, raw_label2id
from tmkd.models.loading import load_model
from tmkd.models.positions import readable_tokens
from tmkd.runtimes.base import FloatArray, Progress, Scored, no_progress
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import ClassScores
from tmkd.teachers.base import Card, Teacher, model_facts
from tmkd.teachers.classes import named_classes
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.text.features import Ragged, Template

SHOWN_KEYS = 3


class Classifier(Teacher):
    """Reads question and passage together and gives one logit a class."""

    @classmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        model_config = load_config(folder)
        id2label, label2id = dict(model_config.id2label or {}), raw_label2id(folder)
        columns = len(id2label) or 1
        if len(label2id) > columns:
            raise UserError(
                f"{folder}/config.json: names {len(label2id)} classes in label2id, but without id2label transformers "
                f"makes {columns} columns; add id2label"
            )
        return Card(columns, named_classes(id2label, columns, label2id), model_facts(folder, tokenizer))

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
        return cls(config, cls.describe(config, folder, tokenizer), host, ClassScores(model), template)

    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> Scored[FloatArray]:
        return self._runtime.run(question, passage, progress=progress)


def check_max_length(config: TeacherConfig, model: PreTrainedModel, folder: Path) -> None:
    """Raise `UserError` if inputs could be longer than the model's position embeddings."""
    encoder: Any = model.base_model.config  # a student's own config says nothing of its encoder's positions
    positions = readable_tokens(encoder)
    if positions is not None and config.max_length > positions:
        raise UserError(
            f"max_length {config.max_length}: {folder} reads at most {positions} tokens; "
            f"right would be {positions} or less"
        )
