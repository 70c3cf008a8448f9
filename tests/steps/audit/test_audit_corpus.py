"""The audit of a corpus finds what no hash tells: text, ids, labels and files that do not belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from tmkd.corpus.build import prepare_corpus
from tmkd.corpus.manifest import manifest_path
from tmkd.recipe.files import load
from tmkd.steps.audit.step import audit
from tmkd.workspace import Workspace

SHARD = "part-00000.parquet"
TEXT, LABELS = f"corpora/pairs/train/{SHARD}", f"soft_labels/pairs/train/golden/{SHARD}"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    rows = [f"question {q}\tpassage {q} {c}\t{c}" for q in range(20) for c in range(2)]
    (tmp_path / "pairs.tsv").write_text("\n".join(["question\tpassage\tlabel", *rows]) + "\n")
    workspace = Workspace.open(str(tmp_path / "ws"))
    prepare_corpus(load("pairs", {"corpus.path": str(tmp_path / "pairs.tsv")}).corpus, workspace)
    return workspace


def faults(workspace: Workspace) -> list[tuple[str, str, str]]:
    return [(each.kind, each.file, each.reason) for each in audit(workspace, ["pairs"]).faults]


def change(workspace: Workspace, path: str, column: str, values: list) -> None:
    """Publish a table anew, with a hash that is right."""
    table = workspace.read_table(path)
    place = table.schema.get_field_index(column)
    workspace.publish_table(path, table.set_column(place, column, pa.array(values, table.schema.field(place).type)))


def test_a_whole_corpus_has_no_faults(workspace: Workspace) -> None:
    findings = audit(workspace, ["pairs"])
    assert findings.faults == [] and findings.unchecked == []
    assert findings.files == {"corpus": 4, "golden labels": 3, "manifests": 1}


def test_text_under_a_hash_of_its_own_is_not_that_of_the_manifest(workspace: Workspace) -> None:
    texts = workspace.read_table(TEXT)["passage"].to_pylist()
    change(workspace, TEXT, "passage", ["another text", *texts[1:]])
    reason = "ids and text are not those that the manifest's fingerprint is of"
    assert faults(workspace) == [("corpus", "corpora/pairs/train", reason)]


def test_golden_labels_must_be_of_the_corpus_s_ids_and_classes(workspace: Workspace) -> None:
    ids = workspace.read_table(LABELS)["id"].to_pylist()
    change(workspace, LABELS, "label", [7] * len(ids))
    assert faults(workspace) == [("golden labels", LABELS, "has labels that are none of the 2 classes")]
    change(workspace, LABELS, "label", [1] * len(ids))
    change(workspace, LABELS, "id", ids[::-1])
    assert faults(workspace) == [("golden labels", LABELS, "its ids are not those of the corpus shard")]
    workspace.delete(LABELS)
    assert [fault[:2] for fault in faults(workspace)] == [("golden labels", LABELS)]


def test_files_of_no_shard_are_named(workspace: Workspace) -> None:
    workspace.publish_table(TEXT.replace("00000", "00099"), workspace.read_table(TEXT))
    ((kind, file, reason),) = faults(workspace)
    assert (kind, reason) == ("corpus", "is of no shard of the corpus") and file.endswith("part-00099.parquet")


def test_shards_are_read_though_the_manifest_is_damaged(workspace: Workspace) -> None:
    path = workspace.local_path(manifest_path("pairs"))
    path.write_bytes(path.read_bytes()[:-30])
    workspace.local_path(TEXT).write_bytes(b"PAR1")
    assert [fault[:2] for fault in faults(workspace)] == [
        ("manifests", manifest_path("pairs")),
        ("corpus", TEXT),
    ]


def test_a_corpus_of_an_older_version_says_that_its_manifest_cannot_be_checked(workspace: Workspace) -> None:
    path = workspace.local_path(manifest_path("pairs"))
    tree = json.loads(path.read_text())
    del tree["checksum"]
    path.write_text(json.dumps(tree))
    findings = audit(workspace, ["pairs"])
    assert findings.faults == [] and findings.unchecked == [("manifests", manifest_path("pairs"))]
