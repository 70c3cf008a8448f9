"""Labelling through real Ray: right scores, resume, the same bytes whatever happens, clear refusals."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_teachers import TinyCorpus, bert_base, bert_classifier, write_corpus
from tmkd.errors import UserError
from tmkd.labelling.pipeline import label_corpus
from tmkd.labelling.report import LabelReport
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace
from transformers import AutoModelForSequenceClassification, AutoTokenizer

pytestmark = pytest.mark.usefixtures("ray_session")
SHARDS = {"train": 3, "dev": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return bert_classifier(tmp_path_factory.mktemp("teacher") / "m", num_labels=2)


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace.open(str(tmp_path / "workspace"))


@pytest.fixture
def corpus(workspace) -> TinyCorpus:
    return write_corpus(workspace, SHARDS, rows=40)


def label(workspace, corpus, folder: Path, splits=("train", "dev"), relabel: bool = False, **options) -> LabelReport:
    config = TeacherConfig(**{"model": str(folder), "max_length": 32, "precision": "fp32"} | options)
    return label_corpus(workspace, corpus, list(splits), "t", config, folder, relabel)


def contents(workspace: Workspace, folder: str = "soft_labels") -> dict[str, bytes]:
    root = workspace.local_path(folder)
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_labels_equal_a_plain_loop_and_are_not_made_twice(workspace, corpus, model) -> None:
    report = label(workspace, corpus, model)
    assert (report.pairs, report.shards_done, report.shards_skipped, report.rejected) == (160, 4, 0, 0)
    tokenizer = AutoTokenizer.from_pretrained(model)
    reference = AutoModelForSequenceClassification.from_pretrained(model).eval()
    store = LabelStore(workspace, corpus.name, "train", "t")
    found = np.concatenate([store.read(shard)[1] for shard in corpus.shards("train")])
    with torch.no_grad():
        expected = [
            reference(**tokenizer(q, p, truncation=True, max_length=32, return_tensors="pt")).logits[0].numpy()
            for q, p in corpus.pairs("train")
        ]
    np.testing.assert_allclose(found, expected, atol=2e-3)  # stored in float16
    assert store.manifest["rows"] == 120

    before = contents(workspace)
    again = label(workspace, corpus, model)
    assert (again.pairs, again.shards_done, again.shards_skipped) == (0, 0, 4)
    assert contents(workspace) == before


def test_damaged_and_lost_shards_are_done_again_with_the_same_bytes(workspace, corpus, model) -> None:
    label(workspace, corpus, model)
    before = contents(workspace)
    folder = workspace.local_path("soft_labels/tiny/train/t")
    shard = folder / "part-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    (folder / "part-00002.parquet").unlink()
    report = label(workspace, corpus, model)
    assert (report.shards_done, report.shards_skipped, report.pairs) == (2, 2, 80)
    assert contents(workspace) == before


def test_one_actor_of_two_cores_and_two_of_one_give_the_same_bytes(tmp_path, model) -> None:
    results = []
    for actors, cpus in ((1, 2), (2, 1)):
        workspace = Workspace.open(str(tmp_path / str(actors)))
        corpus = write_corpus(workspace, SHARDS, rows=40)
        label(workspace, corpus, model, resources={"actors": actors, "cpus_per_actor": cpus})
        results.append(contents(workspace))
    assert results[0] == results[1]


def test_a_range_of_actors_and_a_bi_encoder_with_a_view(workspace, corpus, tmp_path) -> None:
    folder = bert_base(tmp_path / "base")
    options = {"kind": "bi_encoder", "question_pattern": r"(\w+ \w+)", "resources": {"actors": {"min": 1, "max": 2}}}
    report = label(workspace, corpus, folder, splits=["train"], **options)
    assert report.pairs == 120
    _, logits = LabelStore(workspace, corpus.name, "train", "t").read("part-00000.parquet")
    assert logits.shape == (40, 1) and (np.abs(logits) <= 1.001).all()


def test_changed_weights_with_old_labels_in_place_are_refused(workspace, corpus, model, tmp_path) -> None:
    label(workspace, corpus, model, splits=["dev"])
    before = contents(workspace)
    changed = bert_classifier(tmp_path / "changed", seed=1, num_labels=2)
    with pytest.raises(UserError, match=r"fingerprint \w+, now \w+\):\n  weights: .*\n.*delete"):
        label(workspace, corpus, changed, splits=["dev"])
    assert contents(workspace) == before
    assert label(workspace, corpus, changed, splits=["dev"], relabel=True).shards_done == 1
    assert contents(workspace) != before


def test_rows_that_cannot_be_scored_are_rejected_with_their_text(workspace, corpus, model, tmp_path) -> None:
    poisoned = tmp_path / "poisoned"
    shutil.copytree(model, poisoned)
    tokenizer = AutoTokenizer.from_pretrained(model)
    weights = load_file(poisoned / "model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"][tokenizer.convert_tokens_to_ids("teacher")] = float("nan")
    save_file(weights, poisoned / "model.safetensors", metadata={"format": "pt"})
    report = label(workspace, corpus, poisoned, splits=["dev"], max_length=128)
    pairs = corpus.pairs("dev")
    bad = [row for row, pair in enumerate(pairs) if "teacher" in " ".join(pair).split()]
    assert 0 < len(bad) < len(pairs) and report.rejected == len(bad)
    ids, logits = LabelStore(workspace, corpus.name, "dev", "t").read("part-00000.parquet")
    assert np.flatnonzero(np.isnan(logits).any(axis=1)).tolist() == bad
    rejected = pq.read_table(workspace.local_path("rejected/tiny/dev-t-part-00000.parquet"))
    assert rejected["position"].to_pylist() == bad and rejected["id"].to_pylist() == ids[bad].tolist()
    assert rejected["passage"].to_pylist() == [pairs[row][1] for row in bad]
    assert set(rejected["reason"].to_pylist()) == {"teacher t: score is not finite"}
    assert label(workspace, corpus, model, splits=["dev"], max_length=128, relabel=True).rejected == 0
    assert not workspace.exists("rejected/tiny/dev-t-part-00000.parquet")


def test_classes_that_do_not_fit_stop_before_anything_is_written(workspace, corpus, tmp_path) -> None:
    three = bert_classifier(tmp_path / "three", num_labels=3)
    with pytest.raises(UserError, match=r"gives 3 column.*2 classes \(no, yes\)"):
        label(workspace, corpus, three)
    headless = bert_base(tmp_path / "base")
    with pytest.raises(UserError, match="no classifier head"):
        label(workspace, corpus, headless)
    assert not workspace.exists("soft_labels")


def test_columns_are_stored_in_the_order_of_the_corpus(workspace, corpus, tmp_path) -> None:
    folders = [
        bert_classifier(tmp_path / "".join(names), id2label=dict(enumerate(names)), num_labels=2)
        for names in (("no", "yes"), ("YES", "NO"))
    ]
    logits = []
    for folder in folders:
        label(workspace, corpus, folder, splits=["dev"], relabel=True)
        logits.append(LabelStore(workspace, corpus.name, "dev", "t").read("part-00000.parquet")[1])
    np.testing.assert_array_equal(logits[0], logits[1][:, ::-1])


def test_a_corpus_shard_that_cannot_be_read_is_named(workspace, corpus, model) -> None:
    shard = workspace.local_path("corpora/tiny/dev/part-00000.parquet")
    shard.write_bytes(shard.read_bytes()[:-50])
    with pytest.raises(UserError, match=r"corpora/tiny/dev/part-00000\.parquet.*cannot be read"):
        label(workspace, corpus, model, splits=["dev"])
