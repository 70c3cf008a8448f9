"""Whether a model can teach, or be trained to: found out before anything is spent, without its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, PreTrainedConfig

from tmkd.errors import UserError
from tmkd.models.config_file import load_config
from tmkd.models.dry_run import dry_run
from tmkd.models.json_files import reason
from tmkd.models.loading import encoder_class
from tmkd.models.positions import readable_tokens
from tmkd.models.student_config import StudentConfig
from tmkd.models.weights import fits, weight_shapes
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.kind_class import teacher_class

READS_ITS_END = ("xlnet",)
"""Architectures whose classifier reads the last place, so that it is trained with padding on the left."""


def check_teacher(teacher: TeacherConfig, folder: Path, key: str) -> None:
    """Raise `UserError` if a model folder is none of the teacher's kind, or reads fewer tokens than are asked for.

    Args:
        teacher: what it is to be.
        folder: of its model.
        key: the part of the recipe that asks for it, such as ``teachers.a``.
    """
    config = load_config(folder)
    _check_length(config, teacher.max_length, folder, key)
    if config.model_type == StudentConfig.model_type:
        return
    auto_class = {
        "classifier": AutoModelForSequenceClassification, "span_reader": AutoModelForQuestionAnswering,
    }.get(teacher.kind) or encoder_class(config)  # fmt: skip
    model = _build(auto_class, config, folder, key)
    if not fits(model, weight_shapes(folder)):
        teacher_class(teacher.kind).load(teacher, folder, Host("cpu", "fp32"))


def check_trainable(folder: Path, max_length: int, key: str) -> None:
    """Raise `UserError` if a model folder cannot be trained as a Hugging Face classifier on ``max_length`` tokens."""
    config = load_config(folder)
    _check_length(config, max_length, folder, key)
    if config.model_type in READS_ITS_END:
        raise UserError(
            f"{key}.train.pooling: head: a classifier of type {config.model_type} reads the end of its input, but "
            "padding is put there in training; use mean"
        )
    _build(AutoModelForSequenceClassification, config, folder, key)


def _check_length(config: PreTrainedConfig, max_length: int, folder: Path, key: str) -> None:
    inner: Any = config.base_config() if isinstance(config, StudentConfig) else config
    positions = readable_tokens(inner)
    if positions is not None and max_length > positions:
        raise UserError(f"{key}.max_length: {max_length} tokens, but {folder} reads at most {positions}")


def _build(auto_class: Any, config: PreTrainedConfig, folder: Path, key: str) -> Any:
    try:
        return dry_run(lambda: auto_class.from_config(config))
    except Exception as error:  # whatever an architecture's code may throw
        raise UserError(
            f"{key}: {folder}, of type {config.model_type}, cannot be built as {auto_class.__name__} "
            f"({type(error).__name__}: {reason(error)})"
        ) from None
