"""What can be read off a model folder without torch: its fingerprint and its tokenizer."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.config_file import load_config, quiet_loading
from tmkd.models.json_files import read_object, reason
from tmkd.workspace import folder_fingerprint

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
PANIC = "PanicException"
"""What the Rust library of tokenizers raises where it meets what it did not expect; no `Exception`."""


def weights_fingerprint(folder: Path) -> str:
    """Return 16 hex digits over the weights and configuration of a model folder."""
    names = {path.name for path in folder.glob("*.safetensors")} | {"config.json"}
    return folder_fingerprint(folder, names)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Read a fast tokenizer from a model folder.

    Raises:
        UserError: if there is none, naming the damaged file or what is missing.
    """
    try:
        with quiet_loading():
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            if tokenizer.is_fast:
                tokenizer("a", "b")
                return tokenizer
    except Exception as error:  # wrong types end in whatever the tokenizer's code runs into
        raise _refusal(folder, error) from None
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise _refusal(folder, error) from None
    raise UserError(f"{folder}: only fast tokenizers can be used; save it with tokenizer.json")


def _refusal(folder: Path, error: BaseException) -> UserError:
    """Return what is wrong with a tokenizer: a damaged file, a missing package, or the library's own reason."""
    for name in TOKENIZER_FILES:
        if (folder / name).is_file():
            read_object(folder / name)
    if (folder / "config.json").is_file():  # which says what tokenizer it is
        load_config(folder)
    pieces = sorted(folder.glob("*.model"))
    if pieces and not (folder / "tokenizer.json").is_file():
        return UserError(
            f"{folder}: has {pieces[0].name} and no tokenizer.json, which takes a package to make: pip install "
            f'sentencepiece protobuf, or where they are: AutoTokenizer.from_pretrained("{folder.name}")'
            '.save_pretrained("…")'
        )
    return UserError(f"{folder}: the tokenizer cannot be used ({reason(error)})")
