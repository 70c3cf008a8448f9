"""One corpus shard with what any number of teachers said about it: a zip of files of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError
from tmkd.soft_labels.golden import GOLDEN, NO_LABEL, golden_path, read_golden
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace, corpus_folder, labels_folder

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class JoinedShard:
    """Ids and labels of one shard, row by row.

    Attributes:
        ids: int64 [n].
        logits: raw columns of every teacher, float32 [n, C_t]; NaN rows where it could not score.
        labels: golden class, int64 [n]; -1 where no judge has spoken.
        grades: relevance, float32 [n]; NaN where there is none.
    """

    ids: IntArray
    logits: dict[str, FloatArray]
    labels: IntArray
    grades: FloatArray


def join_shard(
    workspace: Workspace, corpus: str, split: str, shard: str, stores: Mapping[str, LabelStore]
) -> JoinedShard:
    """Join a corpus shard with label stores (by teacher's name) and golden labels, by id.

    A split without a ``golden`` folder has no labels: -1 and NaN throughout.

    Raises:
        UserError: if a label file is missing, or its ids differ from the corpus's, naming the file and the
            first missing or foreign id.
    """
    ids = workspace.read_table(f"{corpus_folder(corpus, split)}/{shard}", columns=["id"])["id"].to_numpy()
    logits: dict[str, FloatArray] = {}
    for teacher, store in stores.items():
        found, values = store.read(shard)
        check_ids(ids, found, store.location(shard))
        logits[teacher] = values
    labels, grades = np.full(len(ids), NO_LABEL, np.int64), np.full(len(ids), np.nan, np.float32)
    golden = read_golden(workspace, corpus, split, shard)
    where = workspace.show(golden_path(corpus, split, shard))
    if golden is not None:
        check_ids(ids, golden.ids, where)
        labels, grades = golden.labels, golden.grades
    elif workspace.exists(labels_folder(corpus, split, GOLDEN)):
        raise UserError(f"{where}: missing, though other shards of {split!r} have golden labels; make the corpus again")
    return JoinedShard(ids, logits, labels, grades)


def check_ids(expected: IntArray, found: IntArray, file: str) -> None:
    """Raise `UserError` naming ``file`` unless both hold the same ids in the same order."""
    if np.array_equal(expected, found):
        return
    missing, foreign = np.setdiff1d(expected, found), np.setdiff1d(found, expected)
    if len(missing):
        fault = f"{len(missing)} id(s) of the corpus are missing, the first is {missing[0]}"
    elif len(foreign):
        fault = f"{len(foreign)} foreign id(s), the first is {foreign[0]}"
    elif len(expected) == len(found):
        row = int(np.argmax(expected != found))
        fault = f"ids stand in another order: row {row} has {found[row]}, the corpus {expected[row]}"
    else:
        fault = f"ids occur more than once: {len(found)} rows, the corpus has {len(expected)}"
    raise UserError(f"{file}: {fault}; delete the file and label again")
