"""A workspace in which the stages of any shipped recipe can be described: a corpus, labels and what made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tmkd.corpus.manifest import CorpusManifest
from tmkd.corpus.schema import PAIR_SCHEMA
from tmkd.recipe.files import load
from tmkd.recipe.recipe import Recipe
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.steps.labels import ATTENTION_STORE
from tmkd.studies.comparison.cells import seeded
from tmkd.workspace import Workspace, corpus_folder, shard_name

ROWS = {"unlabeled": 40, "train": 20, "validation": 10, "test": 10}
SHARD = 10


def described(folder: Path, name: str, validation: bool = False, **overrides: str) -> tuple[Context, CorpusManifest]:
    """Return a recipe's context and a corpus whose labels are in place; only ``validation`` of them are of scores.

    Without ``validation`` nobody has judged that split, so that nothing is fitted whose last digit depends on the
    machine.
    """
    recipe = load(name, {key.replace("__", "."): value for key, value in overrides.items()})
    workspace = Workspace.open(str(folder))
    corpus = _corpus(recipe, validation)
    _write_texts(workspace, corpus)
    for split in corpus.splits:
        for index, shard in enumerate(corpus.shards(split)):
            workspace.publish_bytes(golden_path(corpus.name, split, shard), f"{split} {index}".encode())
    for seed in range(recipe.compare.seeds):
        for teacher in [*recipe.teachers, ATTENTION_STORE]:
            own = seeded(teacher, recipe, seed) if teacher in recipe.teachers else teacher
            _bind(workspace, corpus, own)
    if validation:
        _write_judged(workspace, corpus, list(recipe.teachers))
    unused: Any = None
    return Context(recipe, workspace, tracker=unused, run=unused), corpus


def _corpus(recipe: Recipe, validation: bool) -> CorpusManifest:
    splits = {
        split: {
            "shards": [{"name": shard_name(index), "rows": SHARD} for index in range(rows // SHARD)],
            "rows": rows, "questions": rows, "fingerprint": f"texts of {split}",
            "labelled": rows if split in ("train", "test") or (validation and split == "validation") else 0,
        }
        for split, rows in ROWS.items()
    }  # fmt: skip
    task = recipe.corpus.task
    classes = list(recipe.corpus.classes) if task == "pair" else []
    return CorpusManifest(recipe.corpus.name, "sources", "texts", classes, splits, {}, 0.0, task)


def _bind(workspace: Workspace, corpus: CorpusManifest, teacher: str) -> None:
    for split in corpus.splits:
        made_by = {"corpus": f"texts of {split}", "weights": f"of {teacher}", "columns": max(2, len(corpus.classes))}
        LabelStore(workspace, corpus.name, split, teacher).bind(made_by)


def _write_texts(workspace: Workspace, corpus: CorpusManifest) -> None:
    for split in corpus.splits:
        for shard in corpus.shards(split):
            text = [f"w{row}" for row in range(SHARD)]
            columns = [np.arange(SHARD), text, text, text, text, [0] * SHARD]
            workspace.publish_table(f"{corpus_folder(corpus.name, split)}/{shard}", pa.table(columns, PAIR_SCHEMA))


def _write_judged(workspace: Workspace, corpus: CorpusManifest, teachers: list[str]) -> None:
    """Publish labels and scores of the validation split; the last teacher is always right, the others never."""
    labels = np.arange(SHARD) % 2
    for shard in corpus.shards("validation"):
        golden = {"id": np.arange(SHARD), "label": labels, "grade": labels.astype(np.float32)}
        workspace.publish_table(golden_path(corpus.name, "validation", shard), pa.table(golden))
        for name in teachers:
            right = labels if name == teachers[-1] else 1 - labels
            logits = np.stack([1 - right, right], axis=1).astype(np.float32)
            LabelStore(workspace, corpus.name, "validation", name).publish(shard, np.arange(SHARD), logits)
