"""A tiny base model, a corpus with soft and golden labels, and stages over them: all real files of a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from transformers import BertConfig, BertModel, BertTokenizer

from stage_changes import changed
from tmkd.corpus.schema import GOLDEN_SCHEMA, PAIR_SCHEMA
from tmkd.models.shape import StudentShape
from tmkd.objectives.soft_label_mse import MseConfig
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.training.config import EngineConfig, Schedule
from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Signal, Start
from tmkd.workspace import Workspace, corpus_folder, shard_name

CORPUS = "tiny"
WORDS = [f"w{index}" for index in range(40)]
ROWS = 20
CANDIDATES = 3
"""Rows that follow each other and have the same question_id; the texts differ all the same."""
NO_GOLDEN, NOT_SCORED = (3, 10, 17), (5, 10)
"""Rows of every shard that no judge has spoken about, and that teacher b could not score."""
SHAPE = StudentShape(layers=1, pooling="match", freeze_embeddings=False, dropout=0.0, max_length=24)


@dataclass(frozen=True)
class World:
    """A workspace with a corpus in it, and a base to cut students from."""

    workspace: Workspace
    base: Path
    shards: dict[str, int]


def make_world(folder: Path, shards: int = 3) -> World:
    """Write a base of 2 layers x 32 and a corpus whose splits ``train`` and ``validation`` are labelled."""
    workspace = Workspace.open(str(folder / "workspace"))
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        for index in range(shards):
            _write_shard(workspace, split, shard_name(index), index * ROWS + np.arange(ROWS), rng)
    return World(workspace, make_base(folder / "base"), {shard_name(index): ROWS for index in range(shards)})


def make_base(folder: Path) -> Path:
    """Save a BERT of 2 layers x 32 with dropout 0.1 whose weights come from a seed."""
    folder.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **sizes)).save_pretrained(folder)
    return folder


def stage(world: World, output: str, **changes: Any) -> Stage:
    """Return a stage on soft labels of both teachers; ``changes`` replace any of its values (see `changed`)."""
    spec = StageSpec(
        name="pretrain", task="pair",
        data=Data(CORPUS, "train", {"train": "c", "validation": "v"}, world.shards, ("no", "yes")),
        start=Start(base=str(world.base)), shape=SHAPE, max_length=24,
        signals={f"soft:{name}": signal(name) for name in "ab"}, objectives=(MseConfig(),),
        schedule=schedule(), seed=0,
    )  # fmt: skip
    return changed(Stage(spec, output), **changes)


def signal(*teachers: str) -> Signal:
    return Signal(teachers, tuple(None for _ in teachers), identity="made by " + " and ".join(teachers))


def schedule(**changes: Any) -> Schedule:
    return Schedule(**{"learning_rate": 1e-3, "max_steps": 6, "epochs": 9, "batch_size": 8, **changes})


def engine_config(**changes: Any) -> EngineConfig:
    return EngineConfig(**{"precision": "fp32", "cpus_per_worker": 1, "log_every_steps": 1, **changes})


def _write_shard(workspace: Workspace, split: str, shard: str, ids: np.ndarray, rng: np.random.Generator) -> None:
    count = len(ids)
    questions = [" ".join(rng.choice(WORDS, rng.integers(2, 6))) for _ in range(count)]
    passages = [" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(count)]
    asked = [str(key // CANDIDATES) for key in ids]
    columns = [ids, [str(key) for key in ids], asked, questions, passages, [0] * count]
    workspace.publish_table(f"{corpus_folder(CORPUS, split)}/{shard}", pa.table(columns, schema=PAIR_SCHEMA))
    for teacher, columns in (("a", 2), ("b", 2), ("single", 1)):
        logits = rng.normal(size=(count, columns)).astype(np.float32)
        if teacher == "b":
            logits[list(NOT_SCORED)] = np.nan
        LabelStore(workspace, CORPUS, split, teacher).publish(shard, ids, logits)
    labels = [None if row in NO_GOLDEN else int(rng.integers(0, 2)) for row in range(count)]
    workspace.publish_table(
        golden_path(CORPUS, split, shard), pa.table([ids, labels, [None] * count], schema=GOLDEN_SCHEMA)
    )
