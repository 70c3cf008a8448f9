"""Words of passages and questions, cut for mining."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tmkd.corpus.words import Cut, needs_cutting, words_of
from tmkd.errors import UserError

KEY = "corpus.mining.tokenizer"
_LETTER = re.compile(r"\w")


def cut_for(texts: Iterable[str], tokenizer: str | None) -> Cut | None:
    """Return what cuts these texts into words; None where the plain pattern of `bm25s` does.

    Args:
        texts: passages and questions to be mined.
        tokenizer: folder or Hub id of a Hugging Face tokenizer, or None.

    Raises:
        UserError: if the tokenizer cannot be loaded.
    """
    if tokenizer is None:
        return words_of if needs_cutting(texts) else None
    loaded = _load(tokenizer)

    def pieces(text: str) -> list[str]:
        return [piece for piece in loaded.tokenize(text.lower()) if _LETTER.search(piece)]

    return pieces


def _load(name: str) -> Any:
    from transformers import AutoTokenizer  # seconds, and only where it is asked for

    folder = Path(name).expanduser()
    try:
        return AutoTokenizer.from_pretrained(str(folder) if folder.is_dir() else name, trust_remote_code=False)
    except Exception as error:  # many kinds; every one means that there is no such tokenizer
        cause = str(error).strip().split("\n")[0][:300]
        raise UserError(
            f"{KEY}: {name!r} is neither a folder with a Hugging Face tokenizer nor the Hub id of one that can be "
            f"reached ({type(error).__name__}: {cause})"
        ) from None
