"""What can be read off a model folder without torch: its fingerprint and its tokenizer."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.loading import first_line
from tmkd.workspace import folder_fingerprint


def weights_fingerprint(folder: Path) -> str:
    """Return 16 hex digits over the weights and configuration of a model folder."""
    names = {path.name for path in folder.glob("*.safetensors")} | {"config.json"}
    return folder_fingerprint(folder, names)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Read a fast tokenizer from a model folder."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (ValueError, KeyError, OSError) as error:
        raise UserError(f"{folder}: the tokenizer cannot be used ({first_line(error)})") from None
    if not tokenizer.is_fast:
        raise UserError(f"{folder}: only fast tokenizers can be used; save it with tokenizer.json")
    return tokenizer
