"""Making a corpus: sources in; shards, golden labels, rejected rows and a manifest out."""

from __future__ import annotations

import time
from typing import Any

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.docs.build import build_docs
from tmkd.corpus.docs.packages import sources_state
from tmkd.corpus.files.build import build_files
from tmkd.corpus.files.sources import files_state
from tmkd.corpus.ledger import Ledger
from tmkd.corpus.manifest import CorpusManifest, manifest_path
from tmkd.corpus.schema import GOLDEN, SPLITS, layout_of
from tmkd.corpus.shards import ShardWriter
from tmkd.tasks.registry import task_of
from tmkd.workspace import Workspace, corpus_folder, fingerprint, labels_folder

CORPUS_VERSION = 2
"""Bumped by hand when the same documentation would give other pairs."""
FILES_VERSION = 3
"""Bumped by hand when the same files or hub data set would give other rows or golden labels."""


def made_from(config: CorpusConfig) -> str:
    """Return a fingerprint of the config and of the state of its sources, without reading them.

    Docs: installed packages with versions. Files: paths, sizes, times. Hub: the id alone (its content may change).

    Raises:
        UserError: if a source is not there.
    """
    kind = config.source_kind
    left_out = {"name", "kind"} | ({"docs"} if kind != "docs" else set())
    tree = {key: value for key, value in config.identity().items() if key not in left_out}
    state = sources_state(config.docs) if kind == "docs" else files_state(config)
    version = CORPUS_VERSION if kind == "docs" else FILES_VERSION
    return fingerprint({"version": version, "kind": kind, "config": tree, "sources": state})


def prepare_corpus(config: CorpusConfig, workspace: Workspace) -> CorpusManifest:
    """Build a corpus anew, in place of an older one of the same name.

    Args:
        config: checked config of the corpus.
        workspace: where ``corpora/<name>``, ``soft_labels/<name>/<split>/golden`` and ``rejected/<name>`` go.

    Returns:
        The manifest, which is written last.

    Raises:
        UserError: if a source is wrong as a whole: missing, unreadable, without a column that is named.
    """
    started = time.monotonic()
    origin = made_from(config)
    ledger, removed = Ledger(), False

    def writer_for(split: str, labelled: bool) -> ShardWriter:
        nonlocal removed
        if not removed:  # not before all sources were read: one that cannot be used must not cost the corpus there
            _remove(workspace, config.name)
            removed = True
        return ShardWriter(workspace, config.name, split, config.shard_rows, labelled, layout_of(config.task))

    rejected = f"rejected/{config.name}"
    build = build_docs if config.source_kind == "docs" else build_files
    try:
        splits = build(config, ledger, writer_for)
    finally:
        ledger.publish(workspace, rejected)  # also when the source is given up: they say why
    ledger.check()
    ledger.report(workspace.show(rejected))
    manifest = CorpusManifest(
        name=config.name,
        made_from=origin,
        fingerprint=_fingerprint(splits),
        task=config.task,
        classes=config.classes if task_of(config.task).has_classes else [],
        splits={split: splits[split] for split in SPLITS if split in splits},
        counts=ledger.counts(),
        seconds=round(time.monotonic() - started, 2),
    )
    manifest.publish(workspace)
    return manifest


def _remove(workspace: Workspace, corpus: str) -> None:
    """Remove an older corpus, manifest first; labels of other teachers stay and are judged by their fingerprints."""
    workspace.delete(manifest_path(corpus))
    workspace.delete(corpus_folder(corpus))
    for name in workspace.list(f"rejected/{corpus}"):
        if "-" not in name:  # rows that teachers could not score (split-teacher-shard) go with those labels
            workspace.delete(f"rejected/{corpus}/{name}")
    for split in SPLITS:
        workspace.delete(labels_folder(corpus, split, GOLDEN))


def _fingerprint(splits: dict[str, Any]) -> str:
    return fingerprint({split: entry["fingerprint"] for split, entry in splits.items()})
