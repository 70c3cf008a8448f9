"""Labelling through real Ray: right scores, resume, the same bytes whatever happens, clear refusals."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from label_bench import ONE_ACTOR
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tiny_teachers import bert_base, bert_classifier
from tmkd.errors import UserError
from tmkd.labelling.pipeline import label_corpus
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.config import TeacherConfig


def stored(bench, split: str, shard: str = "part-00000.parquet", teacher: str = "t") -> tuple[np.ndarray, np.ndarray]:
    return LabelStore(bench.workspace, "tiny", split, teacher).read(shard)


def test_labels_equal_a_plain_loop(labelled) -> None:
    tokenizer = AutoTokenizer.from_pretrained(labelled.model)
    model = AutoModelForSequenceClassification.from_pretrained(labelled.model).eval()
    with torch.no_grad():
        expected = [
            model(**tokenizer(q, p, truncation=True, max_length=32, return_tensors="pt")).logits[0].numpy()
            for q, p in labelled.corpus.pairs("dev")
        ]
    ids, logits = stored(labelled, "dev")
    np.testing.assert_array_equal(ids, np.arange(540, 600))
    np.testing.assert_allclose(logits, expected, atol=2e-3)  # stored in float16


def test_what_is_done_is_not_done_again(labelled) -> None:
    before = labelled.labels()
    report = labelled.label(resources={"actors": 2})
    assert (report.pairs, report.shards_done, report.shards_skipped) == (0, 0, 10)
    assert labelled.labels() == before
    manifest = LabelStore(labelled.workspace, "tiny", "train", "t").manifest
    assert manifest["rows"] == 540 and len(manifest["shards"]) == 9


def test_one_actor_of_two_cores_gives_the_bytes_of_two_actors_of_one(bench, labelled) -> None:
    bench.label(resources={"actors": 1, "cpus_per_actor": 2})
    assert bench.labels() == labelled.labels()


def test_damaged_and_lost_shards_are_done_again_with_the_same_bytes(copy, labelled) -> None:
    folder = copy.workspace.local_path("soft_labels/tiny/train/t")
    shard = folder / "part-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    (folder / "part-00002.parquet").unlink()
    report = copy.label()
    assert (report.shards_done, report.shards_skipped, report.pairs) == (2, 8, 120)
    assert copy.labels() == labelled.labels()


def test_changed_weights_with_old_labels_in_place_are_refused(copy, labelled, tmp_path) -> None:
    changed = bert_classifier(tmp_path / "changed", seed=1, num_labels=2)
    with pytest.raises(UserError, match=r"\(fingerprint \w+, now \w+\):\n  weights: .*\n.*delete that folder"):
        copy.label(changed, splits=("dev",))
    assert copy.labels() == labelled.labels()
    assert copy.label(changed, splits=("dev",), relabel=True).shards_done == 1
    assert not np.array_equal(stored(copy, "dev")[1], stored(labelled, "dev")[1])


def test_fresh_labels_that_a_probe_chose_stay_when_asked_to_relabel(bench) -> None:
    assert bench.label(splits=("dev",), precision="auto", probe="always").shards_done == 1
    before = bench.labels()
    assert "pairs_per_second" in before["tiny/dev/t/store.json"].decode()
    assert bench.label(splits=("dev",), precision="auto", probe="always", relabel=True).shards_done == 0
    assert bench.labels() == before


def test_teachers_may_be_called_as_columns_are(bench, labelled) -> None:
    config = TeacherConfig(model=str(bench.model), max_length=32, precision="fp32", batch_tokens=64)
    names = ("passage", "text", "question")
    label_corpus(bench.workspace, bench.corpus, ["dev"], dict.fromkeys(names, config), bench.model)
    for name in names:
        np.testing.assert_array_equal(stored(bench, "dev", teacher=name)[1], stored(labelled, "dev")[1])


def test_rows_that_cannot_be_scored_are_rejected_with_their_text(bench, tmp_path) -> None:
    poisoned = tmp_path / "poisoned"
    shutil.copytree(bench.model, poisoned)
    tokenizer = AutoTokenizer.from_pretrained(poisoned)
    weights = load_file(poisoned / "model.safetensors")
    weights["bert.embeddings.word_embeddings.weight"][tokenizer.convert_tokens_to_ids("teacher")] = float("nan")
    save_file(weights, poisoned / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        UserError, match=r"t on dev/part-00000\.parquet: \d+ of 60 rows .*\(\d+ x score is not finite\)"
    ):
        bench.label(poisoned, splits=("dev",), max_length=128)
    assert bench.workspace.list("soft_labels/tiny/dev/t", suffix=".parquet") == []
    report = bench.label(poisoned, splits=("dev",), max_length=128, max_rejected=1.0)
    pairs = bench.corpus.pairs("dev")
    bad = [row for row, pair in enumerate(pairs) if "teacher" in " ".join(pair).split()]
    assert 0 < len(bad) < len(pairs) and report.rejected == len(bad)
    ids, logits = stored(bench, "dev")
    assert np.flatnonzero(np.isnan(logits).any(axis=1)).tolist() == bad
    rejected = pq.read_table(bench.workspace.local_path("rejected/tiny/dev-t-part-00000.parquet"))
    assert rejected["position"].to_pylist() == bad and rejected["id"].to_pylist() == ids[bad].tolist()
    assert rejected["passage"].to_pylist() == [pairs[row][1] for row in bad]
    assert set(rejected["reason"].to_pylist()) == {"teacher t: score is not finite"}


def test_columns_are_stored_in_the_order_of_the_corpus(bench, labelled, tmp_path) -> None:
    swapped = tmp_path / "swapped"
    shutil.copytree(bench.model, swapped)
    config = json.loads((swapped / "config.json").read_text())
    config |= {"id2label": {"0": "YES", "1": "NO"}, "label2id": {"YES": 0, "NO": 1}}
    (swapped / "config.json").write_text(json.dumps(config))
    bench.label(swapped, splits=("dev",))
    np.testing.assert_array_equal(stored(bench, "dev")[1], stored(labelled, "dev")[1][:, ::-1])


def test_a_range_of_actors_and_a_bi_encoder_with_a_view(bench, tmp_path) -> None:
    folder = bert_base(tmp_path / "base")
    options = {"kind": "bi_encoder", "question_pattern": r"(\w+ \w+)", "resources": {"actors": {"min": 1, "max": 2}}}
    assert bench.label(folder, splits=("train",), **options).pairs == 540
    _, logits = stored(bench, "train")
    assert logits.shape == (60, 1) and (np.abs(logits) <= 1.001).all()


def test_what_does_not_fit_stops_before_anything_is_written(bench, tmp_path) -> None:
    with pytest.raises(UserError, match=r"gives 3 column.*2 classes \(no, yes\)"):
        bench.label(bert_classifier(tmp_path / "three", num_labels=3))
    with pytest.raises(UserError, match="no classifier head"):
        bench.label(bert_base(tmp_path / "base"))
    assert not bench.workspace.exists("soft_labels")


def test_a_corpus_shard_that_cannot_be_read_is_named(bench) -> None:
    shard = bench.workspace.local_path("corpora/tiny/dev/part-00000.parquet")
    shard.write_bytes(shard.read_bytes()[:-50])
    with pytest.raises(UserError, match=r"corpora/tiny/dev/part-00000\.parquet: is truncated or changed.*--remake"):
        bench.label(splits=("dev",))


def test_a_corpus_shard_that_a_node_does_not_see_is_no_damaged_one(bench) -> None:
    bench.workspace.delete("corpora/tiny/dev/part-00000.parquet")
    with pytest.raises(UserError, match=r"corpora/tiny/dev/part-00000\.parquet: is not there on node \S+; all nodes"):
        bench.label(splits=("dev",))


def test_views_of_one_model_together_give_the_bytes_of_each_alone(bench, tmp_path) -> None:
    folder = bert_base(tmp_path / "base")
    options = {
        "model": str(folder), "kind": "bi_encoder", "max_length": 32, "precision": "fp32", "batch_tokens": 64,
        "resources": ONE_ACTOR,
    }  # fmt: skip
    teachers = {
        "whole": TeacherConfig(**options),
        "words": TeacherConfig(**options, question_pattern=r"(\w+ \w+)"),
    }

    def label(names: list[str]) -> dict[str, int]:
        chosen = {name: teachers[name] for name in names}
        reports = label_corpus(bench.workspace, bench.corpus, ["dev", "train"], chosen, folder)
        return {name: report.pairs for name, report in reports.items()}

    assert label(["words"]) == {"words": 600} and label(["whole"]) == {"whole": 600}
    alone = bench.labels()
    bench.workspace.delete("soft_labels")
    assert label(["whole", "words"]) == {"whole": 600, "words": 600}
    assert bench.labels() == alone
    assert not np.array_equal(stored(bench, "dev", teacher="whole")[1], stored(bench, "dev", teacher="words")[1])
    bench.workspace.local_path("soft_labels/tiny/dev/words/part-00000.parquet").unlink()
    assert label(["whole", "words"]) == {"whole": 0, "words": 60}
    assert bench.labels() == alone


def test_requeue_scores_rejected_rows_again(copy, labelled) -> None:
    store = LabelStore(copy.workspace, "tiny", "train", "t")
    ids, logits = store.read("part-00003.parquet")
    store.publish("part-00003.parquet", ids, np.where(np.arange(60)[:, None] == 7, np.nan, logits))
    store.compact(copy.corpus.shards("train"))
    assert store.manifest["rejected"] == 1
    assert copy.label().shards_done == 0  # a rejected row is done: it would fail again
    report = copy.label(requeue=True)
    assert (report.shards_done, report.pairs, report.rejected) == (1, 60, 0)
    assert copy.labels() == labelled.labels()
    assert store.manifest["rejected"] == 0
