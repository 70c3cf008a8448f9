from pathlib import Path

import numpy as np
import pyarrow as pa

from tiny_teachers import bert_tokenizer, bpe_tokenizer, write_corpus
from tmkd.text.text_view import TextView
from tmkd.text.tokens import TokenCache, tokenize
from tmkd.workspace import Workspace


def test_cached_tokens_equal_fresh_ones_and_vocabularies_lie_apart(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, {"train": 1}, rows=7)
    folders = []
    for tokenizer in (bert_tokenizer(), bpe_tokenizer(roberta=True)):
        cache = TokenCache(workspace, corpus.name, {"train": corpus.split_fingerprint("train")}, tokenizer)
        for _ in range(2):  # made, then read back
            ids, tokens = cache.read("train", "part-00000.parquet", "passage")
            fresh = tokenize(tokenizer, [passage for _, passage in corpus.pairs("train")])
            np.testing.assert_array_equal(ids, np.arange(7))
            np.testing.assert_array_equal(tokens.values, fresh.values)
            np.testing.assert_array_equal(tokens.offsets, fresh.offsets)
            assert tokens.values.dtype == np.uint16
        folders.append(cache.folder)
    assert folders[0] != folders[1]


def test_other_text_is_tokenised_anew_and_another_split_s_change_is_not(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, {"train": 1}, rows=7)
    before = _files(workspace, corpus, {"train": "1", "test": "1"})
    assert _files(workspace, corpus, {"train": "1", "test": "2"}) == before
    assert len(_files(workspace, corpus, {"train": "2", "test": "2"})) == 2 * len(before)


def test_damaged_tokens_are_made_again(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, {"train": 1}, rows=7)
    (path,) = _files(workspace, corpus, {"train": "1"})
    whole = Path(path).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    Path(path).write_bytes(bytes(flipped))
    _files(workspace, corpus, {"train": "1"})
    assert Path(path).read_bytes() == whole


def _files(workspace: Workspace, corpus, fingerprints: dict[str, str]) -> set[str]:
    TokenCache(workspace, corpus.name, fingerprints, bert_tokenizer()).read("train", "part-00000.parquet", "passage")
    return {str(path) for path in workspace.local_path("tokens").rglob("*.parquet")}


def test_a_view_is_cached_apart_from_the_whole_text(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, {"train": 1}, rows=6)
    cache = TokenCache(workspace, corpus.name, {"train": corpus.split_fingerprint("train")}, bert_tokenizer())
    _, whole = cache.read("train", "part-00000.parquet", "question")
    _, first = cache.read("train", "part-00000.parquet", "question", TextView(r"(\w+)"))
    assert (first.lengths < whole.lengths).all()


def test_contexts_are_kept_whole_and_their_grid_says_which_characters_tokens_stand_for(tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    texts = ["Der  Straße Nr. 7 \U0001f600 folgen.", "word " * 700, "Der  Straße Nr. 7 \U0001f600 folgen.", "x"]
    table = pa.table({"id": pa.array(range(4), pa.int64()), "question": ["q"] * 4, "context": texts})
    workspace.publish_table("corpora/c/train/part-00000.parquet", table)
    for tokenizer in (bert_tokenizer(), bpe_tokenizer(roberta=True)):
        cache = TokenCache(workspace, "c", {"train": "1"}, tokenizer)
        for _ in range(2):  # made, then read back
            ids, tokens = cache.read("train", "part-00000.parquet", "context")
            starts, ends = cache.grids("train", "part-00000.parquet")
            np.testing.assert_array_equal(ids, np.arange(4))
            for row, text in enumerate(texts):
                whole = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
                assert tokens.row(row).tolist() == whole["input_ids"]
                places = list(zip(starts.row(row).tolist(), ends.row(row).tolist(), strict=True))
                assert places == [tuple(place) for place in whole["offset_mapping"]]
    assert tokens.lengths[1] >= 700
