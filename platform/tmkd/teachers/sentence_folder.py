"""What a sentence-transformers folder says of its embeddings: modules, pooling, prompts, limits, similarity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tmkd.errors import UserError
from tmkd.models.json_files import kind_of, read_json, read_object
from tmkd.teachers.sentence_prompts import Prompts, read_prompts

OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""One key per mode, as releases before 5.4 write them, in the order in which several are put together."""
MODES = tuple(OLD_MODES.values())
DONE = ("Dense", "LayerNorm", "Normalize")
"""Modules after the pooling that are computed here."""
IDLE = "Dropout"
"""A module that does nothing where nothing is trained."""
SIMILARITIES = ("cosine", "dot", "euclidean", "manhattan")
SUPPORTED = "supported: Transformer, Pooling, then " + ", ".join((*DONE, IDLE))


@dataclass(frozen=True)
class Module:
    """A module after the pooling: its class, the folder that holds it, and its ``config.json``."""

    name: str
    folder: Path
    config: dict[str, Any]


@dataclass(frozen=True)
class SentenceFolder:
    """What a folder says of its embeddings.

    Attributes:
        pooling: modes, whose vectors are put one after the other; empty where the folder says nothing.
        modules: what follows the pooling, in order.
        prompts: read before texts, and how texts are brought into shape.
        max_tokens: tokens that are read of a text; None where the folder says nothing.
        similarity: of two embeddings.
        dimensions: numbers kept of an embedding; None for all.
    """

    pooling: tuple[str, ...]
    modules: tuple[Module, ...]
    prompts: Prompts
    max_tokens: int | None
    similarity: str
    dimensions: int | None


def read_sentence_folder(folder: Path) -> SentenceFolder:
    """Read what a folder says of its embeddings; without such files it is a plain model, whose tokens are averaged.

    Raises:
        UserError: for what is not offered here, naming the file, what was found and what is supported.
    """
    pooling_folder, modules = _modules(folder)
    path = pooling_folder / "config.json"
    pooling = read_object(path) if path.is_file() else {}
    modes = _modes(path, pooling) if pooling else ()
    prompts, more = read_prompts(folder)
    if pooling.get("include_prompt", True) is not True and (prompts.question or prompts.passage):
        raise UserError(
            f"{path}: include_prompt false (the prompt's tokens are left out of the pooling) is not supported beside a "
            "prompt; supported: include_prompt true, or no prompts in config_sentence_transformers.json"
        )
    similarity, place = more.get("similarity_fn_name") or "cosine", folder / "config_sentence_transformers.json"
    if similarity not in SIMILARITIES:
        raise UserError(
            f"{place}: similarity_fn_name {str(similarity)[:40]!r} is not supported: {', '.join(SIMILARITIES)} are"
        )
    if similarity == "cosine" and modules and modules[-1].name == "Normalize":
        modules = modules[:-1]  # a cosine does so itself
    return SentenceFolder(
        modes, modules, prompts, prompts.max_tokens, similarity, positive(place, "truncate_dim", more)
    )


def positive(path: Path, key: str, values: dict[str, Any]) -> int | None:
    """Return a whole number above 0 of a JSON file, None where it is null or missing.

    Raises:
        UserError: if it is something else, naming the file.
    """
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(f"{path}: {key} is {kind_of(value)}; expected a whole number above 0, or null")
    return value


def _modules(folder: Path) -> tuple[Path, tuple[Module, ...]]:
    """Return the folder of the pooling, and what follows it."""
    path = folder / "modules.json"
    if not path.is_file():
        return folder / "1_Pooling", ()
    entries = read_json(path)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path}: expected a list of modules, found {kind_of(entries)}")
    names = [_name(path, entry) for entry in entries]
    if names[:2] != ["Transformer", "Pooling"]:
        raise UserError(f"{path}: found {', '.join(names)[:200] or 'no module'}; {SUPPORTED}")
    if str(entries[0].get("path") or "") not in ("", "."):
        raise UserError(
            f"{path}: its Transformer is in {str(entries[0]['path'])[:80]!r}; supported: a transformer in the folder "
            "itself, as sentence-transformers 5 saves it"
        )
    parts = [_inside(path, entry) for entry in entries]
    found = [
        Module(name, part, read_object(part / "config.json") if (part / "config.json").is_file() else {})
        for name, part in zip(names[2:], parts[2:], strict=True)
        if name != IDLE
    ]
    for module in found:
        _check_module(path, module)
    return parts[1], tuple(found)


def _name(path: Path, entry: dict[str, Any]) -> str:
    """Return the class of a module; a folder's own classes keep their full name, as they are never run."""
    kind = entry.get("type")
    if not isinstance(kind, str):
        raise UserError(f"{path}: type is {kind_of(kind)}; expected the name of a module's class")
    return kind.rpartition(".")[2] if kind.startswith("sentence_transformers.") else kind


def _inside(path: Path, entry: dict[str, Any]) -> Path:
    part = PurePosixPath(str(entry.get("path") or ""))
    if part.is_absolute() or ".." in part.parts:
        raise UserError(f"{path}: path {str(part)[:80]!r} leads out of the folder; only its own modules are read")
    return path.parent / part


def _check_module(path: Path, module: Module) -> None:
    if module.name not in DONE:
        raise UserError(f"{path}: module {module.name[:120]} is not supported; {SUPPORTED}")
    names = {module.config.get(key) or "sentence_embedding" for key in ("module_input_name", "module_output_name")}
    if names != {"sentence_embedding"}:
        raise UserError(f"{module.folder / 'config.json'}: works on {', '.join(map(str, names))[:120]}; {SUPPORTED}")


def _modes(path: Path, config: dict[str, Any]) -> tuple[str, ...]:
    found = config.get("pooling_mode")
    if found is None:
        wrong = [key for key in OLD_MODES if not isinstance(config.get(key, False), bool)]
        if wrong:
            raise UserError(f"{path}: {wrong[0]} is {kind_of(config[wrong[0]])}; expected true or false")
        unknown = [key for key, on in config.items() if key.startswith("pooling_mode_") and key not in OLD_MODES and on]
        modes = [*(mode for key, mode in OLD_MODES.items() if config.get(key)), *unknown] or ["mean"]
    else:
        modes = found if isinstance(found, list) else [found]
    if not modes or any(mode not in MODES for mode in modes):
        shown = ", ".join(str(mode) for mode in modes)[:120]
        raise UserError(
            f"{path}: pooling_mode {shown or '[]'} is not supported: {', '.join(MODES)} are; set pooling: mean or cls "
            "to choose one"
        )
    return tuple(modes)
