"""The model of a stage as the engine sees it: batch in, named header logits out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.models.build import freeze_embeddings, inherit, student_from_base
from tmkd.models.config_file import load_config
from tmkd.models.damaged import damage_named
from tmkd.models.folders import base_folder, fetch
from tmkd.models.headed import Student
from tmkd.models.inherited_classes import column_order, reorder_head
from tmkd.models.shape import StudentShape
from tmkd.models.span_student import StudentForQuestionAnswering
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import GOLDEN
from tmkd.objectives.weighed import ATTENTION
from tmkd.tasks.base import load_part
from tmkd.tasks.registry import task_of
from tmkd.training.stage import StageSpec
from tmkd.workspace import Workspace


def student_class(task: str) -> type[Student]:
    """Return the class of students of a task."""
    return cast(type[Student], load_part(task_of(task).student))


class HeadersOf(nn.Module):
    """Gives the logits of every header by name, [B, C] or of spans [B, L, 2].

    A plain Hugging Face classifier has one header, ``golden``.

    Args:
        model: the model.
        attention: whether, while it trains, a span student's last self-attention [B, H, L, L] comes as `ATTENTION`.
    """

    def __init__(self, model: PreTrainedModel, attention: bool = False) -> None:
        super().__init__()
        self.model = model
        self.attention = attention

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        if isinstance(self.model, StudentForQuestionAnswering):
            looking = self.attention and self.training
            pointers, attentions = self.model.header_logits(**inputs, output_attentions=looking)
            return pointers if attentions is None else {**pointers, ATTENTION: attentions[-1]}
        if isinstance(self.model, StudentForSequenceClassification):
            return self.model.header_logits(**inputs)
        logits = self.model(**inputs).logits.float()
        if logits.shape[1] == 1:  # a single-logit reranker: softmax([-z/2, z/2]) = sigmoid(z)
            logits = torch.cat([-logits / 2, logits / 2], dim=1)
        return {GOLDEN: logits}


def build(stage: StageSpec, workspace: Workspace) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """Make the model that a stage starts from; the same on every worker.

    Returns:
        The model, its tokenizer and the names of the headers that start anew.
    """
    torch.manual_seed(stage.seed)
    folder = (
        fetch(workspace, stage.start.folder)
        if stage.start.folder
        else base_folder(workspace, str(stage.start.base), "base")
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model, anew = _model(stage, folder, tokenizer)
    if stage.shape is not None and stage.shape.freeze_embeddings:
        freeze_embeddings(model)
    return model, tokenizer, anew


def _model(stage: StageSpec, folder: Path, tokenizer: PreTrainedTokenizerBase) -> tuple[PreTrainedModel, list[str]]:
    if stage.shape is None:
        return _classifier(stage, folder, tokenizer), []
    if stage.start.folder is None:
        shape, kind = _fitting(stage.shape, stage), student_class(stage.task)
        return student_from_base(folder, shape, stage.headers, stage.data.classes, tokenizer, kind), stage.headers
    with damage_named(folder):
        parent = student_class(stage.task).from_pretrained(folder)
    sources = {header: signal.identity for header, signal in stage.signals.items()}
    model, anew = inherit(parent, stage.headers, sources, stage.data.classes)
    model.config.max_pair_length = stage.max_length  # another corpus's student may have read more or less
    return model, anew


def _fitting(shape: StudentShape, stage: StageSpec) -> StudentShape:
    return dataclasses.replace(shape, max_length=stage.max_length)


def _classifier(stage: StageSpec, folder: Path, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    labels = dict(enumerate(stage.data.classes))
    with damage_named(folder):
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(labels), id2label=labels, label2id={v: k for k, v in labels.items()},
            ignore_mismatched_sizes=True, dtype=torch.float32, trust_remote_code=False,
        )  # fmt: skip
    model.config.pad_token_id = tokenizer.pad_token_id
    reorder_head(
        model, column_order(load_config(folder).id2label or {}, stage.data.classes) or []
    )  # a head that was there
    return model


def finish(model: PreTrainedModel, stage: StageSpec) -> None:
    """Write down what the stage taught: which headers are trained and from which teachers."""
    if isinstance(model, Student):
        model.config.trained_headers = [
            name for name in model.config.headers if name in stage.headers or name in model.config.trained_headers
        ]
        model.config.sources = {header: signal.identity for header, signal in stage.signals.items()}
