"""Reading model folders with Hugging Face's Auto classes: quietly, from safetensors, without remote code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as hf_logging

from tmkd.errors import UserError
from tmkd.models.damaged import damage_named


def load_config(folder: Path) -> PreTrainedConfig:
    """Read ``config.json``. Raises `UserError` for an architecture that transformers does not know."""
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{folder}: config.json cannot be used ({first_line(error)})") from None


def raw_label2id(folder: Path) -> dict[str, Any]:
    """Return ``label2id`` as ``config.json`` has it: transformers drops it where ``id2label`` is missing."""
    found = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("label2id")
    return found if isinstance(found, dict) else {}


def readable_tokens(config: PreTrainedConfig) -> int | None:
    """Return how many tokens an encoder has positions for; None where it has no such limit."""
    positions = getattr(config, "max_position_embeddings", None)
    offset = 2 if config.model_type in ("roberta", "xlm-roberta", "camembert", "longformer") else 0
    return None if positions is None else int(positions) - offset


def load_model(auto_class: Any, folder: Path, **more: Any) -> tuple[PreTrainedModel, list[str]]:
    """Load a model in fp32 with SDPA where it has that; ``more`` goes to ``from_pretrained``.

    Returns:
        The model and the names of weights that the folder does not hold (transformers made them up).
    """
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
        except (ValueError, KeyError, OSError, RuntimeError) as error:
            raise UserError(f"{folder}: cannot be loaded as {auto_class.__name__} ({first_line(error)})") from None
    return model, sorted(info["missing_keys"])


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


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).strip().split("\n")[0]
