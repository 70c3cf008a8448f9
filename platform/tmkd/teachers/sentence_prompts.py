"""What a sentence-transformers folder reads before texts, and how it brings them into shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmkd.errors import UserError
from tmkd.models.json_files import kind_of, read_object

SETTINGS = "config_sentence_transformers.json"
KINDS = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
PASSAGE_NAMES = ("document", "passage", "corpus")
"""Names of a passage's prompt in order; a question's is ``query``. Without either, ``default_prompt_name`` is read.

``encode_document`` of sentence-transformers 6 takes none where ``document`` is missing; here the folder's is taken.
"""


@dataclass(frozen=True)
class Prompts:
    """What is read before a question and before a passage, and whether texts are lower-cased and cut."""

    question: str = ""
    passage: str = ""
    lower: bool = False
    max_tokens: int | None = None


def read_prompts(folder: Path) -> tuple[Prompts, dict[str, Any]]:
    """Return a folder's prompts, and all of its settings.

    Raises:
        UserError: for a setting of a wrong type, naming the file.
    """
    path = folder / SETTINGS
    settings = read_object(path) if path.is_file() else {}
    prompts = settings.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise UserError(f"{path}: prompts is {kind_of(prompts)}; expected an object such as {{'query': 'query: '}}")
    default = settings.get("default_prompt_name")
    if default is not None and default not in prompts:
        raise UserError(
            f"{path}: default_prompt_name {str(default)[:40]!r} is none of its prompts ({', '.join(prompts)[:120]})"
        )
    usual = (prompts[default] or "") if default is not None else ""
    passages = [prompts[name] or "" for name in PASSAGE_NAMES if name in prompts]
    question = (prompts["query"] or "") if "query" in prompts else usual
    lower, tokens = _transformer(folder)
    return Prompts(question, passages[0] if passages else usual, lower, tokens), settings


MOST_TOKENS = 10**6
"""Above it a tokenizer's limit stands for none: transformers writes 10**30."""


def _transformer(folder: Path) -> tuple[bool, int | None]:
    """Return whether the folder lower-cases texts, and how many tokens it reads of one."""
    paths = [folder / f"sentence_{kind}_config.json" for kind in KINDS]
    path = next((path for path in paths if path.is_file()), None)
    settings = read_object(path) if path else {}
    lower, tokens = settings.get("do_lower_case", False), settings.get("max_seq_length")
    if not isinstance(lower, bool | None):
        raise UserError(f"{path}: do_lower_case is {kind_of(lower)}; expected true or false")
    if tokens is not None and (isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < 1):
        raise UserError(f"{path}: max_seq_length is {kind_of(tokens)}; expected a whole number above 0, or null")
    return bool(lower), _limit_of_tokenizer(folder) if tokens is None else tokens


def _limit_of_tokenizer(folder: Path) -> int | None:
    """Return ``model_max_length``, where sentence-transformers 6 keeps ``max_seq_length``; None if it says nothing."""
    path = folder / "tokenizer_config.json"
    limit = read_object(path).get("model_max_length") if path.is_file() else None
    is_limit = isinstance(limit, int) and not isinstance(limit, bool) and 0 < limit < MOST_TOKENS
    return limit if is_limit else None
