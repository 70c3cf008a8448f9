"""Make a student: cut from a base, or inherited from an earlier stage's student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.config_file import load_config
from tmkd.models.cutting import cut_layers, layer_count
from tmkd.models.headed import Student
from tmkd.models.inherited_classes import column_order, reordered
from tmkd.models.loading import load_model
from tmkd.models.shape import StudentShape
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import GOLDEN, StudentConfig


def student_from_base(
    folder: Path,
    shape: StudentShape,
    headers: Sequence[str],
    classes: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    kind: type[Student] = StudentForSequenceClassification,
) -> Student:
    """Cut a student from the bottom layers of a base model (paper, footnote 1); its headers start random."""
    base = cut_config(folder, shape.layers, shape.dropout)
    config = student_config(folder, base, shape, headers, classes, tokenizer)
    model = kind(config)
    encoder = load_encoder(folder, base)
    model.encoder.load_state_dict(encoder.state_dict(), strict=False)
    return model


def cut_config(folder: Path, layers: int | None, dropout: float | None) -> PreTrainedConfig:
    """Return the config of a base's bottom layers (None for all), with a student's number format and dropout."""
    base = load_config(folder)
    cut_layers(base, layers or layer_count(base))
    base.dtype = torch.float32  # whatever the base was saved in: AdamW's updates vanish in half precision
    if dropout is not None:
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
            if hasattr(base, name):
                setattr(base, name, dropout)
    return base


def student_config(
    folder: Path,
    base: PreTrainedConfig,
    shape: StudentShape,
    headers: Sequence[str],
    classes: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
) -> StudentConfig:
    """Return the config of a student of ``base``, as `cut_config` gives it."""
    if shape.pooling == "match" and tokenizer.sep_token_id is None:
        raise UserError(
            f"student.pooling: match needs a separator token, which the tokenizer of {folder} has not; use mean"
        )
    return StudentConfig(
        base=base.to_diff_dict() | {"model_type": base.model_type},
        headers=list(headers),
        pooling=shape.pooling,
        max_pair_length=shape.max_length,
        sep_token_id=tokenizer.sep_token_id,
        special_token_ids=sorted(set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}),
        pad_token_id=tokenizer.pad_token_id,
        **_named(classes),
    )


def load_encoder(folder: Path, base: PreTrainedConfig) -> PreTrainedModel:
    """Load the layers of a base that its config, as `cut_config` gives it, asks for.

    Raises:
        UserError: if its weights lack some of them.
    """
    encoder, made_up = load_model(AutoModel, folder, config=base)
    lacking = [name for name in made_up if not name.startswith("pooler.")]
    if lacking:
        raise UserError(
            f"{folder}: its weights lack {', '.join(lacking[:3])}, which would be random; is it an encoder?"
        )
    return encoder


def _named(classes: Sequence[str]) -> dict[str, Any]:
    """Return a config's class names; a span reader has none."""
    labels = {"id2label": dict(enumerate(classes)), "label2id": {name: index for index, name in enumerate(classes)}}
    return labels if classes else {}


def inherit(
    parent: Student, headers: Sequence[str], sources: dict[str, str], classes: Sequence[str]
) -> tuple[Student, list[str]]:
    """Take over a student into the next stage.

    The encoder is always inherited; a header only when the fingerprint of its teachers and the names of the classes
    match, in whatever order. A new golden header starts as the mean of the inherited soft ones.

    Returns:
        The student and the names of the headers that start anew.
    """
    config = StudentConfig.from_dict(parent.config.to_dict())
    order = column_order(parent.config.id2label or {}, classes)
    kept = [
        name
        for name in headers
        if order is not None
        and name in parent.config.trained_headers
        and parent.config.sources.get(name) == sources.get(name)
    ]
    config.headers = list(headers)
    for key, value in _named(classes).items():
        setattr(config, key, value)
    config.trained_headers = [name for name in parent.config.trained_headers if name in kept]
    model = type(parent)(config)
    model.encoder.load_state_dict(parent.encoder.state_dict())
    for name in kept:
        model.header_module(name).load_state_dict(reordered(parent.header_module(name).state_dict(), order or []))
    soft = [name for name in kept if name != GOLDEN]
    if GOLDEN in headers and GOLDEN not in kept and soft:
        _start_as_mean(model, GOLDEN, soft)
    return model, [name for name in headers if name not in kept]


def freeze_embeddings(model: torch.nn.Module) -> int:
    """Keep the embeddings of a model as they are; returns the number of parameters frozen."""
    encoder: Any = getattr(model, "encoder", model)
    embeddings: torch.nn.Module = getattr(encoder, "embeddings", None) or encoder.get_input_embeddings()
    frozen = 0
    for parameter in embeddings.parameters():
        parameter.requires_grad_(False)
        frozen += parameter.numel()
    return frozen


@torch.no_grad()
def _start_as_mean(model: Student, name: str, sources: Sequence[str]) -> None:
    states = [model.header_module(source).state_dict() for source in sources]
    mean = {key: torch.stack([state[key] for state in states]).mean(0) for key in states[0]}
    model.header_module(name).load_state_dict(mean)
