"""Golden labels: teacher T0 of the paper (3.1), a store of class indices instead of logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tmkd.workspace import Workspace, labels_folder

GOLDEN = "golden"
NO_LABEL = -1


@dataclass(frozen=True)
class GoldenShard:
    """Judgements of one shard.

    Attributes:
        ids: int64 [n].
        labels: class index, int64 [n]; -1 where no judge has spoken.
        grades: relevance for ranking measures, float32 [n]; NaN where there is none.
    """

    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    grades: npt.NDArray[np.float32]


@dataclass(frozen=True)
class AnswerShard:
    """Golden answers of one shard of contexts.

    Attributes:
        ids: int64 [n].
        answers: of every row ``[{"start": character, "text": ...}]``; [] where the context holds none, None where no
            judge has spoken.
    """

    ids: npt.NDArray[np.int64]
    answers: list[list[dict[str, Any]] | None]


def golden_path(corpus: str, split: str, shard: str) -> str:
    """Return where the golden labels of a corpus shard lie in the workspace."""
    return f"{labels_folder(corpus, split, GOLDEN)}/{shard}"


def read_golden(workspace: Workspace, corpus: str, split: str, shard: str) -> GoldenShard | None:
    """Return the golden labels of a corpus shard, or None if it has none."""
    path = golden_path(corpus, split, shard)
    if not workspace.exists(path):
        return None
    table = workspace.read_table(path)
    labels = table["label"].fill_null(NO_LABEL).to_numpy().astype(np.int64)
    grades = table["grade"].fill_null(float("nan")).to_numpy().astype(np.float32)
    return GoldenShard(table["id"].to_numpy(), labels, grades)


def read_answers(workspace: Workspace, corpus: str, split: str, shard: str) -> AnswerShard | None:
    """Return the golden answers of a shard of contexts, or None if it has none."""
    path = golden_path(corpus, split, shard)
    if not workspace.exists(path):
        return None
    table = workspace.read_table(path)
    return AnswerShard(table["id"].to_numpy(), table["answers"].to_pylist())
