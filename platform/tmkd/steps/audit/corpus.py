"""Audit of a corpus: manifest, text and golden labels of every split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tmkd.console import progress_bar
from tmkd.corpus.digest import TextDigest
from tmkd.corpus.manifest import CorpusManifest, manifest_path
from tmkd.corpus.schema import layout_of
from tmkd.integrity import DamagedError
from tmkd.sealed import is_sealed
from tmkd.soft_labels import golden
from tmkd.steps.audit.findings import CORPUS, GOLDEN, MANIFESTS, Findings
from tmkd.workspace import Workspace, corpus_folder, labels_folder

Ids = npt.NDArray[np.int64]


def audit_corpus(workspace: Workspace, name: str, findings: Findings) -> CorpusManifest | None:
    """Read all shards of a corpus and its golden labels; returns its manifest, None if that is damaged."""
    path, corpus = manifest_path(name), None
    findings.files[MANIFESTS] += 1
    try:
        corpus = CorpusManifest.load(workspace, name)
        if corpus is None:
            findings.fault(MANIFESTS, path, "is not there")
        elif not is_sealed(workspace, path):
            findings.unchecked.append((MANIFESTS, path))
    except DamagedError as error:
        findings.fault(MANIFESTS, path, error)
    splits = list(corpus.splits) if corpus else workspace.folders(corpus_folder(name))
    for split in splits:
        _audit_split(workspace, name, split, corpus, findings)
    return corpus


def read_shard(workspace: Workspace, path: str, kind: str, findings: Findings) -> pa.Table | None:
    """Return a Parquet file that is as published; else add a fault and return None."""
    findings.files[kind] += 1
    try:
        return pq.read_table(pa.BufferReader(workspace.read_published(path)))
    except (DamagedError, pa.ArrowException, OSError) as error:
        findings.fault(kind, path, str(error))
        return None


def _audit_split(
    workspace: Workspace, name: str, split: str, corpus: CorpusManifest | None, findings: Findings
) -> None:
    folder, golden_folder = corpus_folder(name, split), labels_folder(name, split, golden.GOLDEN)
    shards = corpus.shards(split) if corpus else workspace.list(folder, ".parquet")
    digest = TextDigest(layout_of(corpus.task).text) if corpus else None
    judged = bool(workspace.list(golden_folder)) or bool(corpus and corpus.has_labels(split))
    with progress_bar(f"verifying {name} {split}", len(shards), "shards") as bar:
        for shard in shards:
            rows = read_shard(workspace, f"{folder}/{shard}", CORPUS, findings)
            if rows is None:
                digest = None
            elif digest:
                digest.update(rows)
            if judged:
                ids = None if rows is None else rows["id"].to_numpy()
                _audit_golden(workspace, golden.golden_path(name, split, shard), ids, corpus, findings)
            bar.advance()
    if corpus and digest and digest.fingerprint != corpus.split_fingerprint(split):
        findings.fault(CORPUS, folder, "ids and text are not those that the manifest's fingerprint is of")
    for place, kind in ((folder, CORPUS), (golden_folder, GOLDEN)):
        for foreign in set(workspace.list(place, ".parquet")) - set(shards):
            findings.fault(kind, f"{place}/{foreign}", "is of no shard of the corpus")


def _audit_golden(
    workspace: Workspace, path: str, ids: Ids | None, corpus: CorpusManifest | None, findings: Findings
) -> None:
    table = read_shard(workspace, path, GOLDEN, findings)
    if table is None:
        return
    if ids is not None and not np.array_equal(table["id"].to_numpy(), ids):
        findings.fault(GOLDEN, path, "its ids are not those of the corpus shard")
    if corpus and corpus.classes and "label" in table.column_names:
        labels = table["label"].drop_null().to_numpy()
        if len(labels) and (labels.min() < 0 or labels.max() >= len(corpus.classes)):
            findings.fault(GOLDEN, path, f"has labels that are none of the {len(corpus.classes)} classes")
