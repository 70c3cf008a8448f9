"""Audit of soft labels and of the tokens that models read."""

from __future__ import annotations

from collections.abc import Iterator

from tmkd.corpus.manifest import CorpusManifest
from tmkd.labelling.verify import CUT_OR_EDITED, verify
from tmkd.soft_labels.golden import GOLDEN
from tmkd.soft_labels.store import IDENTITY_FILE, MANIFEST_FILE, LabelStore
from tmkd.steps.audit.corpus import read_shard
from tmkd.steps.audit.findings import LABELS, MANIFESTS, TOKENS, Findings
from tmkd.workspace import HASH_SUFFIX, Workspace, labels_folder


def audit_labels(workspace: Workspace, name: str, corpus: CorpusManifest | None, findings: Findings) -> None:
    """Read every label store of a corpus; without its manifest, files are compared with their hashes alone."""
    stores = list(_stores(workspace, name))
    for split, teacher in stores:
        files = [file for file in workspace.list(labels_folder(name, split, teacher)) if not file.endswith(HASH_SUFFIX)]
        manifests = sum(file in (IDENTITY_FILE, MANIFEST_FILE) for file in files)
        findings.files[MANIFESTS] += manifests
        findings.files[LABELS] += len(files) - manifests
    if corpus is None:
        for split, teacher in stores:
            _audit_hashes(LabelStore(workspace, name, split, teacher), findings)
        return
    for split in dict.fromkeys(split for split, _ in stores):
        for fault in verify(workspace, corpus, [split], [teacher for where, teacher in stores if where == split]):
            kind = MANIFESTS if fault.shard in (IDENTITY_FILE, MANIFEST_FILE) else LABELS
            findings.fault(kind, f"{labels_folder(name, split, fault.teacher)}/{fault.shard}", fault.reason)


def audit_tokens(workspace: Workspace, corpus: CorpusManifest | None, findings: Findings) -> None:
    """Read the cached tokens of a corpus; of all corpora where its manifest cannot be read."""
    for vocabulary in workspace.folders("tokens"):
        for text in workspace.folders(f"tokens/{vocabulary}"):
            if corpus is None or text in corpus.fingerprints.values():
                for path in _files(workspace, f"tokens/{vocabulary}/{text}"):
                    read_shard(workspace, path, TOKENS, findings)


def _stores(workspace: Workspace, corpus: str) -> Iterator[tuple[str, str]]:
    for split in workspace.folders(f"soft_labels/{corpus}"):
        for teacher in workspace.folders(f"soft_labels/{corpus}/{split}"):
            if teacher != GOLDEN:
                yield split, teacher


def _audit_hashes(store: LabelStore, findings: Findings) -> None:
    if not store.is_legible:
        findings.fault(MANIFESTS, f"{store.folder}/{IDENTITY_FILE}", "is not there or damaged, though labels are there")
        return
    if store.has_manifest and store.manifest is None:
        findings.fault(MANIFESTS, f"{store.folder}/{MANIFEST_FILE}", CUT_OR_EDITED)
    for shard in store.workspace.list(store.folder, ".parquet"):
        reason = store.fault(shard)
        if reason:
            findings.fault(LABELS, f"{store.folder}/{shard}", reason)


def _files(workspace: Workspace, folder: str) -> Iterator[str]:
    for name in workspace.list(folder, ".parquet"):
        yield f"{folder}/{name}"
    for below in workspace.folders(folder):
        yield from _files(workspace, f"{folder}/{below}")
