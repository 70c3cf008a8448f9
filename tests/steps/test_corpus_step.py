"""When a corpus is made again, what hangs on it, and what a failed attempt must not cost."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.labelling.job import rejected_path
from tmkd.recipe.files import load
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus, require_split
from tmkd.workspace import Workspace

MANIFEST = "corpora/pairs/manifest.json"


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


def test_labels_outlive_a_manifest_that_is_gone(tmp_path, file) -> None:
    made = context(tmp_path, file)
    folders = label(made.workspace, ensure_corpus(made))
    made.workspace.delete(MANIFEST)
    with pytest.raises(UserError, match=r"corpus pairs cannot be read \(.*manifest\.json is gone\).*--relabel"):
        ensure_corpus(context(tmp_path, file))
    assert kept(made.workspace, folders) == folders


def edited(manifest: dict[str, Any]) -> dict[str, Any]:
    """One row more, its sum too."""
    manifest["splits"]["train"]["rows"] += 1
    manifest["splits"]["train"]["shards"][0]["rows"] += 1
    return manifest


def naming(name: str) -> Any:
    def change(manifest: dict[str, Any]) -> dict[str, Any]:
        manifest["splits"]["train"]["shards"][0]["name"] = name
        return unsealed(manifest)

    return change


def unsealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """As an older version wrote it."""
    return {key: value for key, value in manifest.items() if key != "checksum"}


def shorter(manifest: dict[str, Any]) -> dict[str, Any]:
    manifest["splits"]["train"]["shards"] = []
    return unsealed(manifest)


CHANGES = {
    "edited": (edited, "was edited since it was written"),
    "other": (lambda manifest: {"newfield": 1}, "is no manifest of this version"),
    "other corpus": (lambda manifest: unsealed(manifest) | {"name": "else"}, "is the manifest of corpus 'else'"),
    "shards lost": (shorter, "splits.train has 32 rows, but its 0 shards have 0"),
    "up": (naming("../x.parquet"), "splits.train names '../x.parquet', which is no file in the split's folder"),
    "absolute": (naming("/etc/x.parquet"), "splits.train names '/etc/x.parquet'"),
}


@pytest.mark.parametrize("name", ["cut", *CHANGES])
def test_a_damaged_manifest_is_refused_and_made_again_when_asked(tmp_path, file, name: str) -> None:
    made = context(tmp_path, file)
    corpus = ensure_corpus(made)
    folders, path = label(made.workspace, corpus), made.workspace.local_path(MANIFEST)
    if name == "cut":
        path.write_bytes(path.read_bytes()[:-20])
        reason = "is cut or holds no JSON object"
    else:
        change, reason = CHANGES[name]
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(UserError, match=rf"manifest\.json: {re.escape(reason)}.*--remake --relabel"):
        ensure_corpus(context(tmp_path, file))
    assert kept(made.workspace, folders) == folders
    again = ensure_corpus(context(tmp_path, file, remake=True, relabel=True))
    assert again.fingerprint == corpus.fingerprint and kept(made.workspace, folders) == folders


def test_a_manifest_of_an_older_version_is_read(tmp_path, file) -> None:
    made = context(tmp_path, file)
    corpus, path = ensure_corpus(made), made.workspace.local_path(MANIFEST)
    path.write_text(json.dumps(unsealed(json.loads(path.read_text()))))
    assert ensure_corpus(context(tmp_path, file)) == corpus


def gone(path: Path) -> None:
    shutil.rmtree(path.parent)


def flipped(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))
    os.utime(path)


DAMAGE = {gone: "is not there, though", flipped: "is truncated or changed", linked: "is a link to"}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("folder", ["corpora/pairs/unlabeled", "soft_labels/pairs/train/golden"])
def test_a_corpus_with_a_damaged_shard_is_not_up_to_date(tmp_path, file, folder: str, damage) -> None:
    made = context(tmp_path, file)
    ensure_corpus(made)
    path = made.workspace.local_path(f"{folder}/part-00000.parquet")
    damage(path)
    with pytest.raises(UserError, match=rf"{folder}/part-00000\.parquet: {DAMAGE[damage]}"):
        ensure_corpus(context(tmp_path, file))


def test_a_shard_that_has_not_changed_is_not_read_again(tmp_path, file, monkeypatch) -> None:
    made = context(tmp_path, file)
    corpus, read = ensure_corpus(made), []
    check = Workspace.check
    monkeypatch.setattr(Workspace, "check", lambda self, path: read.append(path) or check(self, path))
    assert ensure_corpus(context(tmp_path, file)) == corpus and read == []
    shutil.copytree(made.workspace.local_path(), tmp_path / "copied", copy_function=shutil.copyfile)
    shutil.rmtree(made.workspace.local_path())
    (tmp_path / "copied").rename(made.workspace.local_path())
    assert ensure_corpus(context(tmp_path, file)) == corpus and len(read) == 7  # four splits, three of them judged
    read.clear()
    assert ensure_corpus(context(tmp_path, file)) == corpus and read == []


def test_a_damaged_note_of_what_made_the_corpus_is_no_trace(tmp_path, file) -> None:
    made = context(tmp_path, file)
    label(made.workspace, ensure_corpus(made))
    made.workspace.publish_bytes("corpora/pairs/made_by.json", b"{", with_hash=False)
    with pytest.raises(UserError, match="was made by other settings"):
        ensure_corpus(context(tmp_path, file))
