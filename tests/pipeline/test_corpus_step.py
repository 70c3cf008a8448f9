"""When a corpus is made again, what hangs on it, and what a failed attempt must not cost."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.labelling.job import rejected_path
from tmkd.pipeline.context import Context
from tmkd.pipeline.corpus_step import ensure_corpus, require_split
from tmkd.pipeline.recipe.files import load
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.tsv"
    write(path)
    return path


def write(path: Path, more: str = "", label: int = 1) -> None:
    rows = [f"question {q}\tpassage {q} {c}{more if q == 0 else ''}\t{label}" for q in range(20) for c in range(2)]
    path.write_text("\n".join(["question\tpassage\tlabel", *rows]) + "\n")


def context(tmp_path: Path, file: Path, **switches: Any) -> Context:
    overrides = {"corpus.path": str(file), **switches.pop("overrides", {})}
    workspace = Workspace.open(str(tmp_path / "ws"))
    nobody = cast(Any, SimpleNamespace())
    return Context(load("pairs", overrides), workspace, nobody, nobody, **switches)


def label(workspace: Workspace, corpus: CorpusManifest) -> list[str]:
    """Put a label store beside every split; return its folders."""
    folders = []
    for split in corpus.splits:
        store = LabelStore(workspace, corpus.name, split, "t")
        store.bind({"corpus": corpus.split_fingerprint(split)})
        store.publish(corpus.shards(split)[0], np.arange(1), np.zeros((1, 2), np.float32))
        folders.append(store.folder)
        workspace.publish_bytes(rejection(split), b"rows without a score")
    return folders


def rejection(split: str) -> str:
    return rejected_path("pairs", split, "t", "part-00000.parquet")


def kept(workspace: Workspace, folders: list[str]) -> list[str]:
    return [folder for folder in folders if workspace.list(folder)]


@pytest.mark.parametrize("broken", [{"corpus.columns.passage": "passge"}, {"corpus.path": "/nowhere/else.tsv"}])
def test_a_source_that_cannot_be_used_costs_neither_the_corpus_nor_its_labels(tmp_path, file, broken) -> None:
    first = context(tmp_path, file)
    corpus = ensure_corpus(first)
    folders = label(first.workspace, corpus)
    with pytest.raises(UserError, match=r"passge|no file"):
        ensure_corpus(context(tmp_path, file, relabel=True, remake=True, overrides=broken))
    assert CorpusManifest.load(first.workspace, "pairs") == corpus
    assert kept(first.workspace, folders) == folders
    assert ensure_corpus(context(tmp_path, file)) == corpus


def test_labels_are_not_orphaned_unless_it_is_said(tmp_path, file) -> None:
    first = context(tmp_path, file)
    folders = label(first.workspace, ensure_corpus(first))
    write(file, more=" changed")
    with pytest.raises(UserError, match="soft labels of t hang on it"):
        ensure_corpus(context(tmp_path, file, remake=True))
    assert kept(first.workspace, folders) == folders


def test_only_labels_of_text_that_changes_are_dropped(tmp_path, file) -> None:
    first = context(tmp_path, file)
    before = ensure_corpus(first)
    folders = label(first.workspace, before)
    write(file, label=0)  # new judgements, the same text
    after = ensure_corpus(context(tmp_path, file, remake=True, relabel=True))
    assert after.fingerprints == before.fingerprints and kept(first.workspace, folders) == folders
    assert all(first.workspace.exists(rejection(split)) for split in before.splits)  # they belong to those labels
    write(file, more=" changed")
    changed = ensure_corpus(context(tmp_path, file, remake=True, relabel=True))
    same = [split for split in before.splits if changed.split_fingerprint(split) == before.split_fingerprint(split)]
    assert 0 < len(same) < len(before.splits)
    assert kept(first.workspace, folders) == [f"soft_labels/pairs/{split}/t" for split in same]
    assert [split for split in before.splits if first.workspace.exists(rejection(split))] == same


def test_a_finished_corpus_does_not_need_its_source_any_more(tmp_path, file) -> None:
    corpus = ensure_corpus(context(tmp_path, file))
    file.unlink()
    assert ensure_corpus(context(tmp_path, file)) == corpus


def test_a_split_that_is_not_there_is_named_before_anything_is_spent(tmp_path, file) -> None:
    corpus = ensure_corpus(context(tmp_path, file, overrides={"corpus.split.test": "0"}))
    require_split(corpus, "validation")
    with pytest.raises(UserError, match=r"corpus pairs has no test split, it has .*corpus\.split\.test"):
        require_split(corpus, "test")


@pytest.mark.parametrize(("manifest", "what"), [(b"{", "damaged"), (b'{"newfield": 1}', "damaged"), (None, "gone")])
def test_labels_outlive_a_manifest_that_cannot_be_read(tmp_path, file, manifest: bytes | None, what: str) -> None:
    made = context(tmp_path, file)
    folders = label(made.workspace, ensure_corpus(made))
    path = "corpora/pairs/manifest.json"
    made.workspace.delete(path)
    if manifest is not None:
        made.workspace.publish_bytes(path, manifest, with_hash=False)
    with pytest.raises(UserError, match=rf"corpus pairs cannot be read \(.*manifest\.json is {what}\).*--relabel"):
        ensure_corpus(context(tmp_path, file))
    assert kept(made.workspace, folders) == folders


def test_a_damaged_note_of_what_made_the_corpus_is_no_trace(tmp_path, file) -> None:
    made = context(tmp_path, file)
    label(made.workspace, ensure_corpus(made))
    made.workspace.publish_bytes("corpora/pairs/made_by.json", b"{", with_hash=False)
    with pytest.raises(UserError, match="was made by other settings"):
        ensure_corpus(context(tmp_path, file))
