"""Span readers label contexts through the same pipeline: right scores, resume, rejected rows, clear refusals."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from tiny_teachers import bert_classifier, bert_reader, write_corpus
from tmkd.errors import UserError
from tmkd.labelling.job import MAX_REJECTED
from tmkd.labelling.pipeline import label_corpus
from tmkd.labelling.verify import verify
from tmkd.runtimes.host import Host
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.span_reader import SpanReader
from tmkd.text.tokens import tokenize, tokenize_whole
from tmkd.workspace import Workspace, corpus_folder

OPTIONS = {"kind": "span_reader", "max_length": 48, "overlap": 8, "max_question_tokens": 16, "precision": "fp32"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return bert_reader(tmp_path_factory.mktemp("span-reader") / "m")


@pytest.fixture
def place(tmp_path):
    workspace = Workspace.open(str(tmp_path))
    return workspace, write_corpus(workspace, {"train": 3}, rows=20, longest=120, task="span")


def label(place, model, max_rejected=MAX_REJECTED, **more):
    workspace, corpus = place
    teachers = {"r": TeacherConfig(model=str(model), **OPTIONS | more)}
    return label_corpus(workspace, corpus, ["train"], teachers, model, max_rejected=max_rejected)["r"]


def files(workspace) -> dict[str, bytes]:
    root = workspace.local_path("soft_labels")
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_labels_are_the_reader_s_and_a_lost_shard_comes_back(ray_session, place, reader) -> None:
    workspace, corpus = place
    report = label(place, reader)
    assert (report.pairs, report.rejected, report.shards_done) == (60, 0, 3)
    store = LabelStore(workspace, "tiny", "train", "r")
    ids, found = store.read_spans("part-00001.parquet")
    tokenizer = load_tokenizer(reader)
    questions, contexts = zip(*corpus.texts["train"][1], strict=True)
    alone = SpanReader.load(TeacherConfig(model=str(reader), **OPTIONS), reader, Host("cpu", "fp32"))
    expected = alone.score(tokenize(tokenizer, questions), tokenize_whole(tokenizer, contexts)["tokens"]).values
    np.testing.assert_array_equal(ids, np.arange(20, 40))
    np.testing.assert_array_equal(found.offsets, expected.offsets)
    np.testing.assert_allclose(found.tokens, expected.tokens, atol=2e-3)
    assert max(found.lengths) > OPTIONS["max_length"]  # more than one window

    before = files(workspace)
    workspace.local_path(f"{store.folder}/part-00002.parquet").unlink()
    assert label(place, reader, resources={"actors": 2}).shards_done == 1
    assert files(workspace) == before
    assert verify(workspace, corpus, ["train"], ["r"]) == []


def test_a_reader_is_not_for_pairs_nor_a_classifier_for_contexts(ray_session, place, reader, tmp_path) -> None:
    workspace, _ = place
    pairs = write_corpus(workspace, {"train": 1}, rows=4, name="pairs")
    with pytest.raises(UserError, match=r"teachers\.r\.kind: span_reader is for corpora of task span.*classifier"):
        label((workspace, pairs), reader)
    classifier = bert_classifier(tmp_path / "classifier", num_labels=2)
    with pytest.raises(UserError, match=r"classifier is for corpora of task pair.*right would be span_reader"):
        label(place, classifier, kind="classifier")


def test_contexts_that_cannot_be_scored_are_rejected_with_their_text(ray_session, place, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    workspace, corpus = place
    folder = bert_reader(tmp_path / "fragile")
    weights = load_file(folder / "model.safetensors")
    word = load_tokenizer(folder).convert_tokens_to_ids("matrix")
    weights["bert.embeddings.word_embeddings.weight"][word] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"teacher r on train: \d+ of 60 rows .* x score is not finite"):
        label(place, folder)
    assert workspace.list("soft_labels/tiny/train/r", ".parquet") == []  # of each shard, more than half
    report = label(place, folder, max_rejected=1.0)
    poisoned = [any("matrix" in text for text in pair) for shard in corpus.texts["train"] for pair in shard]
    assert 0 < report.rejected == sum(poisoned) < 60
    rejected = pq.read_table(workspace.local_path("rejected/tiny/train-r-part-00000.parquet"))
    first = pq.read_table(workspace.local_path(f"{corpus_folder('tiny', 'train')}/part-00000.parquet"))
    rows = rejected["position"].to_pylist()
    assert rejected["context"].to_pylist() == first["context"].take(rows).to_pylist()
    assert set(rejected["reason"].to_pylist()) == {"teacher r: score is not finite"}
    assert verify(workspace, corpus, ["train"], ["r"]) == []
