"""``config.json`` of a model folder, read quietly and checked; without the networks, which take a second to import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig
from transformers.utils import logging as hf_logging

from tmkd.errors import UserError
from tmkd.models.json_files import kind_of, read_object, reason

COUNTS = (
    "num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers",
    "num_labels",
)  # fmt: skip
MOST = 10_000
"""Layers or labels of any model; with more, reading its config alone would fill the memory."""


def load_config(folder: Path) -> PreTrainedConfig:
    """Read ``config.json``.

    Raises:
        UserError: if it is damaged, of an architecture that transformers does not know, or of a quantised model.
    """
    check_config(folder / "config.json")
    try:
        with quiet_loading():
            return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # wrong types end in whatever the architecture's code runs into
        raise UserError(f"{folder}: config.json cannot be used ({reason(error)})") from None


def raw_label2id(folder: Path) -> dict[str, Any]:
    """Return ``label2id`` as ``config.json`` has it: transformers drops it where ``id2label`` is missing."""
    found = read_object(folder / "config.json").get("label2id")
    return found if isinstance(found, dict) else {}


def check_config(path: Path) -> None:
    """Raise `UserError` for what transformers would fail on late, or not at all."""
    values = read_object(path)
    quantised = values.get("quantization_config") or values.get("quantization")
    if quantised:
        method = quantised.get("quant_method", "") if isinstance(quantised, dict) else ""
        raise UserError(
            f"{path}: quantization_config{f' ({str(method)[:40]})' if method else ''}: quantised weights are not read; "
            "give the model's fp32, fp16 or bf16 checkpoint (precision: int8 quantises it here)"
        )
    for key in COUNTS:
        count = values.get(key)
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST):
            raise UserError(f"{path}: {key} is {str(count)[:40]}; expected a whole number up to {MOST:,}")
    names = values.get("id2label")
    if names is not None and not isinstance(names, dict):
        raise UserError(f"{path}: id2label is {kind_of(names)}; expected an object such as {{'0': 'no', '1': 'yes'}}")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers from printing bars and load reports; their content is checked here instead."""
    level, bar = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(level)
        if bar:
            hf_logging.enable_progress_bar()
