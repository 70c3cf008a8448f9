"""The config of an encoder's bottom layers."""

from __future__ import annotations

from transformers import PreTrainedConfig

from tmkd.errors import UserError
from tmkd.models.json_files import reason


def layer_count(config: PreTrainedConfig) -> int:
    """Return how many layers an encoder has.

    Raises:
        UserError: if its config does not tell.
    """
    found = getattr(config, "num_hidden_layers", None)
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise UserError(f"{config.name_or_path}/config.json: its number of layers is {found!r}; expected 1 or more")
    return found


def cut_layers(config: PreTrainedConfig, layers: int) -> None:
    """Bring a config down to the bottom ``layers`` layers, lists with an entry per layer included.

    Raises:
        UserError: for an architecture whose layers cannot be counted down.
    """
    has = layer_count(config)
    if layers == has:
        return
    lists = {
        name: value for name, value in config.to_dict().items() if isinstance(value, list | tuple) and len(value) == has
    }
    try:
        for name, value in lists.items():
            if "layer" in name or name in PER_LAYER:
                setattr(config, name, list(value[:layers]))
        config.num_hidden_layers = layers
    except Exception as error:
        raise UserError(
            f"{config.name_or_path}: a model of type {config.model_type} cannot be cut to {layers} of its {has} "
            f"layers ({reason(error)}); take all of them, or another base"
        ) from None


PER_LAYER = ("attention_window", "indexer_types")
"""Lists with an entry per layer whose name does not say so."""
