"""Reading model folders with Hugging Face's Auto classes: quietly, from safetensors, without remote code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING
from transformers.utils import logging as hf_logging

from tmkd.errors import UserError
from tmkd.models.damaged import damage_named
from tmkd.models.json_files import kind_of, read_object, reason
from tmkd.models.weights import weight_files

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
    _check_config(folder / "config.json")
    try:
        with quiet_loading():
            return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # wrong types end in whatever the architecture's code runs into
        raise UserError(f"{folder}: config.json cannot be used ({reason(error)})") from None


def raw_label2id(folder: Path) -> dict[str, Any]:
    """Return ``label2id`` as ``config.json`` has it: transformers drops it where ``id2label`` is missing."""
    found = read_object(folder / "config.json").get("label2id")
    return found if isinstance(found, dict) else {}


def _check_config(path: Path) -> None:
    """Refuse what transformers would fail on late, or not at all."""
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


def load_model(auto_class: Any, folder: Path, **more: Any) -> tuple[PreTrainedModel, list[str]]:
    """Load a model in fp32 with SDPA where it has that; ``more`` goes to ``from_pretrained``.

    Returns:
        The model and the names of weights that the folder does not hold (transformers made them up).

    Raises:
        UserError: if its config or weights cannot be used, naming the folder and the library's reason.
    """
    weight_files(folder)
    if "config" not in more:
        _check_config(folder / "config.json")
    options: dict[str, Any] = {
        "dtype": "float32", "use_safetensors": True, "output_loading_info": True, "trust_remote_code": False, **more,
    }  # fmt: skip
    with quiet_loading(), damage_named(folder):
        try:
            try:
                model, info = auto_class.from_pretrained(folder, attn_implementation="sdpa", **options)
            except (ValueError, ImportError) as error:
                if "scaled_dot_product" not in str(error) and "sdpa" not in str(error):
                    raise
                model, info = auto_class.from_pretrained(folder, **options)
        except SafetensorError:  # named by `damage_named`
            raise
        except Exception as error:  # wrong types end in whatever the architecture's code runs into
            raise UserError(f"{folder}: cannot be loaded as {auto_class.__name__} ({reason(error)})") from None
    return model, sorted(info["missing_keys"])


def encoder_class(config: PreTrainedConfig) -> Any:
    """Return the class that reads texts: of T5 and its kin the encoder alone, whoever saved it."""
    known = type(config) in MODEL_FOR_TEXT_ENCODING_MAPPING
    alone = known and MODEL_FOR_TEXT_ENCODING_MAPPING[type(config)].__name__.endswith("EncoderModel")
    return AutoModelForTextEncoding if alone else AutoModel


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
