"""Reading model folders with Hugging Face's Auto classes: quietly, from safetensors, without remote code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoModel, AutoModelForTextEncoding, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

from tmkd.errors import UserError
from tmkd.models.config_file import check_config, quiet_loading
from tmkd.models.damaged import damage_named
from tmkd.models.json_files import reason
from tmkd.models.weights import weight_files


def load_model(auto_class: Any, folder: Path, **more: Any) -> tuple[PreTrainedModel, list[str]]:
    """Load a model in fp32 with SDPA where it has that; ``more`` goes to ``from_pretrained``.

    Returns:
        The model and the names of weights that the folder does not hold (transformers made them up).

    Raises:
        UserError: if its config or weights cannot be used, naming the folder and the library's reason.
    """
    weight_files(folder)
    if "config" not in more:
        check_config(folder / "config.json")
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
