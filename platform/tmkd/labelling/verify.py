"""The audit of label stores: every shard whole, of this store, with the corpus's ids, rejected rows accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from tmkd.console import progress_bar
from tmkd.errors import UserError
from tmkd.labelling.job import Corpus, rejected_path
from tmkd.soft_labels.join import check_ids
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace, corpus_folder

READERS = 8


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
            if store.identity is not None:
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
        found.append(Fault(split, teacher, "store.json", "binds these labels to another text than the corpus's"))
    return found


def _content_fault(
    workspace: Workspace, corpus: str, split: str, teacher: str, store: LabelStore, shard: str
) -> str | None:
    try:
        ids, scored = store.scored(shard)
        expected = workspace.read_table(f"{corpus_folder(corpus, split)}/{shard}", columns=["id"])["id"].to_numpy()
        check_ids(expected, ids, store.location(shard))
    except (UserError, pa.ArrowException, OSError) as error:
        return str(error).splitlines()[0]
    path = rejected_path(corpus, split, teacher, shard)
    rejected = workspace.row_count(path) if workspace.exists(path) else 0
    without_score = int((~scored).sum())
    if rejected != without_score:
        return f"{without_score} row(s) have no score, but {rejected} are in {path}"
    return None
