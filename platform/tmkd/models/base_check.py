"""Whether a student can be cut from a base: found out before anything is spent, without its weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from transformers import AutoModel

from tmkd.errors import UserError
from tmkd.models.build import cut_config, load_encoder
from tmkd.models.config_file import load_config
from tmkd.models.cutting import layer_count
from tmkd.models.dry_run import dry_run
from tmkd.models.headed import Student
from tmkd.models.json_files import reason
from tmkd.models.loading import encoder_class
from tmkd.models.positions import readable_tokens
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import GOLDEN, StudentConfig
from tmkd.models.weights import fits, weight_files, weight_shapes


def check_base(
    folder: Path,
    layers: int | None,
    max_length: int,
    key: str,
    kind: type[Student] = StudentForSequenceClassification,
    attention: bool = False,
) -> None:
    """Raise `UserError` if a student cannot be cut from a base and run.

    Args:
        folder: the base's.
        layers: wanted; None for all.
        max_length: tokens of a pair.
        key: the part of the recipe that asks for it, such as ``student``.
        kind: of student.
        attention: whether its attention is learned from, which it must compute in a way that shows it.
    """
    config = load_config(folder)
    if config.model_type == StudentConfig.model_type:
        raise UserError(f"{key}: {folder} is a student itself; name the encoder that it was cut from")
    if config.is_encoder_decoder or encoder_class(config) is not AutoModel:
        raise UserError(
            f"{key}: {folder} is of type {config.model_type}, an encoder with a decoder; a student is cut from an "
            "encoder alone"
        )
    positions = readable_tokens(config)
    if positions is not None and max_length > positions:
        raise UserError(f"{key}.max_length: {max_length} tokens, but {folder} reads at most {positions}")
    has = layer_count(config)
    if layers is not None and not 1 <= layers <= has:
        raise UserError(f"{key}.layers: {layers} layers asked for, but {folder} has {has}; give 1 to {has}")
    files = [folder / "config.json", *weight_files(folder)]
    stamps = tuple((path.stat().st_size, path.stat().st_mtime_ns) for path in files if path.is_file())
    try:
        _build(folder, layers or has, kind, attention, stamps)  # type: ignore[arg-type]  # a class is hashable
    except UserError as error:
        raise UserError(f"{key}: {error}") from None


@lru_cache(maxsize=64)
def _build(
    folder: Path,
    layers: int,
    kind: type[Student],
    attention: bool,
    stamps: tuple[tuple[int, int], ...],
) -> None:
    """Build a student once for all that ask; ``stamps`` says whether the base is still the same."""
    base = cut_config(folder, layers, None)
    try:
        config = StudentConfig(base.to_diff_dict() | {"model_type": base.model_type}, [GOLDEN], pooling="mean")
        if attention:
            config._attn_implementation = "eager"
        student = dry_run(lambda: kind(config), **({"output_attentions": True} if attention else {}))
    except UserError:
        raise
    except Exception as error:  # whatever an architecture's code may throw
        raise UserError(
            f"no student of {base.num_hidden_layers} layers can be cut from {folder}, of type "
            f"{base.model_type} ({type(error).__name__}: {reason(error)}); take another base"
        ) from None
    assert isinstance(student, Student)
    if not fits(student.encoder, weight_shapes(folder)):
        load_encoder(folder, base)
