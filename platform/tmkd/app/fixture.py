"""``--fixture``: a miniature of any recipe: 300 rows and a 2-layer model made from a config; all else is real."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from tmkd.config import Tree
from tmkd.models.folders import publish
from tmkd.workspace import Workspace

BASE = "fixture/base"
SIZES = {"unlabeled_questions": 60, "golden_questions": 20, "validation_questions": 10, "test_questions": 30}
READING = {"max_question_tokens": 16, "overlap": 8}
PACKAGES = ["rich", "pydantic", "fsspec", "networkx", "sqlalchemy"]


def shrink(tree: Tree, base: str) -> Tree:
    """Return the recipe's tree with a small corpus, the tiny base in place of every model, and few steps."""
    small: Tree = {**tree}
    corpus = dict(tree.get("corpus") or {})
    if corpus.get("path") or corpus.get("paths"):
        corpus["max_rows"] = 300
    else:
        corpus["docs"] = {**(corpus.get("docs") or {}), "max_per_package": 60, "packages": PACKAGES, **SIZES}
    small["corpus"] = {**corpus, "shard_rows": _at_most(corpus.get("shard_rows", 100), 100)}
    small["teachers"] = {name: _small_teacher(teacher, base) for name, teacher in (tree.get("teachers") or {}).items()}
    student = dict(tree.get("student") or {})
    small["student"] = {**student, "base": base, "layers": _at_most(student.get("layers", 2), 2), "max_length": 48}
    small["reading"] = {**(tree.get("reading") or {}), **READING}
    for stage in ("pretrain", "finetune"):
        small[stage] = {**(tree.get(stage) or {}), "epochs": 1, "batch_size": 16}
    small["training"] = {
        **(tree.get("training") or {}),
        "checkpoint_every_steps": 5,
        "log_every_steps": 2,
        "validations": 2,
    }
    small["compare"] = _small_comparison(tree.get("compare") or {})
    small["search"] = _small_search(tree.get("search") or {})
    small["evaluation"] = {**(tree.get("evaluation") or {}), "speed_seconds": 0.2, "bootstrap": 200}
    return small


def _small_comparison(tree: dict[str, Any]) -> dict[str, Any]:
    grids = [
        {**grid, "layers": sorted({_at_most(n, 2) for n in grid.get("layers", [])})} for grid in tree.get("grids", [])
    ]
    return {**tree, **({"grids": grids} if grids else {}), "seeds": 2, "resamples": 1000}


def _small_search(tree: dict[str, Any]) -> dict[str, Any]:
    layers = sorted({_at_most(n, 2) for n in tree.get("layers", [])})
    return {**tree, "layers": layers, "trials": 4, "rungs": 2, "speed_seconds": 0.1}


def _small_teacher(teacher: dict[str, Any], base: str) -> dict[str, Any]:
    small = {**teacher, "model": base, "max_length": 48}
    small.pop("classes", None)  # the base has none of these
    train = teacher.get("train")
    kind = teacher.get("kind", "classifier")
    if kind == "span_reader":
        small |= READING
    if kind == "bi_encoder":
        small["pooling"] = "mean"  # the base has no module that says so
    if kind != "bi_encoder" and not train:
        train = {"golden": {"epochs": 1}}  # the base has no head of its own
    if train:
        train = {**train, "golden": {**(train.get("golden") or {}), "epochs": 1}}
        if train.get("layers"):
            train["layers"] = _at_most(train["layers"], 2)
        if train.get("warm_up"):
            train["warm_up"] = {**train["warm_up"], "epochs": 0.5}
        small["train"] = train
    return small


def _at_most(value: Any, most: int) -> int:
    """Return a number of a recipe, which may be written as text, made smaller."""
    return min(int(float(value)), most)


def ensure_base(workspace: Workspace) -> str:
    """Make the tiny model (2 layers × 64) and its tokenizer in the workspace, if they are not there.

    Returns:
        Where every node finds it.
    """
    if not workspace.exists(f"{BASE}/vocab.txt"):  # the last of its files
        with tempfile.TemporaryDirectory(prefix="tmkd-fixture-") as folder:
            _make_base(Path(folder))
            publish(workspace, Path(folder), BASE)
    return workspace.show(BASE)


def _make_base(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    (folder / "vocab.txt").write_text("\n".join(_vocabulary()) + "\n", encoding="utf-8")
    tokenizer = BertTokenizer(vocab=str(folder / "vocab.txt"))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        max_position_embeddings=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)


def _vocabulary() -> list[str]:
    """Return special tokens, characters and frequent words of programs' documentation; the same wherever it runs."""
    words = (resources.files("tmkd.app") / "fixture_words.txt").read_text(encoding="utf-8").split()
    characters = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters), *words]
