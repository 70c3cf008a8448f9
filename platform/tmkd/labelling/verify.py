"""The audit of label stores: every shard whole, of this store, with the corpus's ids, rejected rows accounted for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tmkd.console import progress_bar
from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.labelling.job import Corpus, rejected_path
from tmkd.soft_labels.join import check_ids
from tmkd.soft_labels.store import IDENTITY_FILE, MANIFEST_FILE, LabelStore
from tmkd.workspace import Workspace, corpus_folder

READERS = 8
CUT_OR_EDITED = "is cut or was edited since it was written"


@dataclass(frozen=True)
class Fault:
    """What is wrong with one file of a store."""

    split: str
    teacher: str
    shard: str
    reason: str


def verify(workspace: Workspace, corpus: Corpus, splits: Sequence[str], teachers: Sequence[str]) -> list[Fault]:
    """Read every label of the teachers and return all faults; none means that the stores are whole.

    A store that does not exist has no faults: nothing was promised of it.
    """
    faults: list[Fault] = []
    for split in splits:
        for teacher in teachers:
            store = LabelStore(workspace, corpus.name, split, teacher)
            if not store.is_legible:
                faults.append(Fault(split, teacher, IDENTITY_FILE, "is not there or damaged, though labels are there"))
            elif store.identity is not None:
                faults.extend(_verify_store(workspace, corpus, split, teacher, store))
    return faults


def _verify_store(workspace: Workspace, corpus: Corpus, split: str, teacher: str, store: LabelStore) -> list[Fault]:
    shards = corpus.shards(split)

    def check(shard: str) -> str | None:
        return store.fault(shard) or _content_fault(workspace, corpus.name, split, teacher, store, shard)

    with (
        ThreadPoolExecutor(READERS) as pool,
        progress_bar(f"verifying {teacher} on {split}", len(shards), "shards") as bar,
    ):
        found: list[Fault] = []
        for shard, reason in zip(shards, pool.map(check, shards), strict=True):
            bar.advance()
            if reason:
                found.append(Fault(split, teacher, shard, reason))
    known = set(shards)
    foreign = [name for name in workspace.list(store.folder, ".parquet") if name not in known]
    found.extend(Fault(split, teacher, name, "is of no shard of the corpus") for name in foreign)
    assert store.identity is not None
    if store.identity.get("corpus") != corpus.split_fingerprint(split):
        found.append(Fault(split, teacher, IDENTITY_FILE, "binds these labels to another text than the corpus's"))
    if store.has_manifest and store.manifest is None:
        found.append(Fault(split, teacher, MANIFEST_FILE, CUT_OR_EDITED))
    elif store.has_manifest and not found and store.manifest != store.summary(shards):
        found.append(Fault(split, teacher, MANIFEST_FILE, "does not say what the shards hold"))
    return found


def _content_fault(
    workspace: Workspace, corpus: str, split: str, teacher: str, store: LabelStore, shard: str
) -> str | None:
    try:
        ids, scored = store.scored(shard)
        with contextlib.suppress(DamagedError):  # a fault of the corpus, not of its labels
            expected = workspace.read_table(f"{corpus_folder(corpus, split)}/{shard}", columns=["id"])["id"]
            check_ids(expected.to_numpy(), ids, store.location(shard))
    except (UserError, pa.ArrowException, OSError) as error:
        return str(error).splitlines()[0]
    return _rejected_fault(workspace, rejected_path(corpus, split, teacher, shard), ids[~scored])


def _rejected_fault(workspace: Workspace, path: str, without_score: npt.NDArray[np.int64]) -> str | None:
    if not workspace.exists(path):
        return f"{len(without_score)} row(s) have no score, but 0 are in {path}" if len(without_score) else None
    data = workspace.read_intact(path)
    if data is None:
        return f"{path} is truncated or changed: its bytes do not match the hash beside it"
    rejected = pq.read_table(pa.BufferReader(data), columns=["id"])["id"].to_numpy()
    if len(rejected) != len(without_score):
        return f"{len(without_score)} row(s) have no score, but {len(rejected)} are in {path}"
    if not np.array_equal(np.sort(rejected), np.sort(without_score)):
        return f"the rows that have no score are not those in {path}"
    return None
