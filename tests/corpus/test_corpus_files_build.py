"""Which split rows go to, what is mined, and that nothing leaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_helpers import build, config_of, rejected, rows, write_tsv

from tmkd.corpus.build import made_from
from tmkd.corpus.manifest import CorpusManifest
from tmkd.corpus.schema import ID_STRIDE, SPLITS

HEADER = "question\tpassage\tlabel"
COLUMNS = {"question": "question", "passage": "passage", "label": "label"}
WORDS = ["amber", "basil", "cedar", "dune", "ember", "fjord", "grove", "heron", "iris", "juniper"]


def pairs(questions: int, candidates: int = 3, start: int = 0) -> list[str]:
    names = [f"{WORDS[number % 10]} {number}" for number in range(start + questions)]
    return [
        f"where is {names[number]}?\tthe {names[number]} place {candidate}\t{int(candidate == 0)}"
        for number in range(start, start + questions)
        for candidate in range(candidates)
    ]


def corpus(workspace, **tree) -> tuple[CorpusManifest, dict[str, list[dict]]]:
    manifest = build(workspace, **{"name": "mine", "columns": COLUMNS, **tree})
    return manifest, {split: rows(workspace, manifest, split) for split in SPLITS}


def questions(found: list[dict]) -> set[str]:
    return {row["question"] for row in found}


def test_a_text_under_several_ids_stays_in_one_split(workspace, tmp_path):
    lines = [f"id {n}\twhere is {WORDS[n % 10]}?\tplace {n}\t{n % 2}" for n in range(60)]
    path = write_tsv(tmp_path / "all.tsv", ["key\tquestion\tpassage\tlabel", *lines])
    manifest, found = corpus(workspace, path=path, columns={**COLUMNS, "question_id": "key"})
    assert manifest.counts["rejected"] == {}
    assert [len(questions(found[split])) for split in ("train", "validation", "test")] == [8, 1, 1]


def test_one_file_is_split_by_question(workspace, tmp_path):
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(50)])
    manifest, found = corpus(workspace, path=path)
    assert {split: manifest.questions(split) for split in SPLITS} == {
        "unlabeled": 40, "train": 40, "validation": 5, "test": 5,
    }  # fmt: skip
    held_out = questions(found["validation"]) | questions(found["test"])
    assert len(held_out) == 10
    assert not held_out & (questions(found["train"]) | questions(found["unlabeled"]))
    assert sum(manifest.rows(split) for split in ("train", "validation", "test")) == 150
    assert not manifest.has_labels("unlabeled")


def test_variants_of_a_question_stay_together(workspace, tmp_path):
    lines = [line.replace("where", place) for line in pairs(40, 1) for place in ("where", "WHERE", "where ")]
    lines = [line.replace("place", f"place{number}") for number, line in enumerate(lines)]
    _, found = corpus(workspace, path=write_tsv(tmp_path / "all.tsv", [HEADER, *lines]))
    folded = [{" ".join(text.lower().split()) for text in questions(found[split])} for split in SPLITS[1:]]
    assert not (folded[0] & folded[1] or folded[0] & folded[2] or folded[1] & folded[2])


def test_given_files_are_kept_as_they_are(workspace, tmp_path):
    paths = {
        "train": write_tsv(tmp_path / "train.tsv", [HEADER, *pairs(10)]),
        "validation": write_tsv(tmp_path / "dev.tsv", [HEADER, *pairs(5, start=10)]),
        "test": write_tsv(tmp_path / "test.tsv", [HEADER, *pairs(5, start=15), *pairs(1, start=15)]),
        "unlabeled": write_tsv(tmp_path / "more.tsv", ["question\tpassage", "what?\tthis one", "what?\tthis one"]),
    }
    manifest, found = corpus(workspace, paths=paths, mining={"enabled": False})
    assert [manifest.rows(split) for split in SPLITS] == [1, 30, 15, 18]
    assert questions(found["unlabeled"]) == {"what?"}
    assert manifest.counts["deduplicated"] == {"repeated pair": 1}


def test_rows_whose_question_is_in_the_test_file_are_rejected(workspace, tmp_path):
    paths = {
        "train": write_tsv(tmp_path / "train.tsv", [HEADER, *pairs(10)]),
        "test": write_tsv(tmp_path / "test.tsv", [HEADER, *pairs(2)]),
    }
    manifest, found = corpus(workspace, paths=paths, split={"validation": 0})
    assert not questions(found["train"]) & questions(found["test"])
    assert not questions(found["unlabeled"]) & questions(found["test"])
    assert manifest.counts["rejected"] == {"question also in test": 6}
    assert rejected(workspace, "mine")[0] == ("train.tsv", 2, "question also in test")
    kept, _ = corpus(workspace, paths=paths, split={"validation": 0, "shared_questions": "keep"})
    assert kept.rows("train") == 30


def test_candidate_lists_keep_their_order_as_ranks_and_are_not_mined(workspace, tmp_path):
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(20)])
    manifest, found = corpus(workspace, paths={"train": path}, split={"validation": 0, "test": 0})
    assert [row["rank"] for row in found["train"][:6]] == [0, 1, 2, 0, 1, 2]
    assert "unlabeled pairs mined with BM25" not in manifest.counts["made"]


def test_single_candidates_are_joined_by_the_best_others(workspace, tmp_path):
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(30, 1)])
    manifest, found = corpus(workspace, paths={"train": path}, split={"validation": 0, "test": 0}, mining={"top": 2})
    assert manifest.rows("train") == 30
    assert manifest.rows("unlabeled") == 30 + 60
    mined = [row for row in found["unlabeled"] if row["rank"] > 0]
    assert {row["rank"] for row in mined} == {1, 2}
    own = {row["question"]: row["passage"] for row in found["train"]}
    for row in mined:
        assert row["passage"] != own[row["question"]]
        subject = row["question"].split()[2]
        assert subject in row["passage"], "the other passages with the same word rank first"


def test_candidates_out_of_a_file_of_passages(workspace, tmp_path):
    lines = ["passage", "a heron far away", "nothing of use", "a heron far away"]
    passages = write_tsv(tmp_path / "passages.tsv", lines)
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(10, 1)])
    manifest, found = corpus(
        workspace, paths={"train": path}, split={"validation": 0, "test": 0}, mining={"passages": passages}
    )
    mined = [row for row in found["unlabeled"] if row["rank"] > 0]
    assert [(row["question"], row["passage"]) for row in mined] == [("where is heron 7?", "a heron far away")]
    assert manifest.counts["deduplicated"] == {"repeated passage": 1}


def test_passages_of_a_file_that_are_not_there(workspace, tmp_path):
    lines = ['{"passage": "a heron far away"}', '{"passage": NaN}', '{"passage": null}', '{"passage": " "}']
    passages = write_tsv(tmp_path / "passages.jsonl", lines)
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(10, 1)])
    manifest, _ = corpus(workspace, path=path, mining={"passages": passages})
    assert manifest.counts["rejected"] == {"null passage": 2, "empty passage": 1}


def test_without_any_label_there_are_still_splits_and_candidates(workspace, tmp_path):
    path = write_tsv(tmp_path / "all.tsv", ["question\tpassage", *(line[:-2] for line in pairs(60, 1))])
    columns = {"question": "question", "passage": "passage"}
    manifest, found = corpus(workspace, path=path, columns=columns, mining={"top": 3})
    assert [manifest.questions(split) for split in SPLITS] == [48, 0, 6, 6]
    assert not any(manifest.has_labels(split) for split in SPLITS)
    assert 48 * 3 < manifest.rows("unlabeled") <= 48 * 4
    assert manifest.counts["made"]["unlabeled pairs mined with BM25"] == manifest.rows("unlabeled") - 48
    assert not questions(found["unlabeled"]) & questions(found["test"])


def test_only_judged_questions_are_held_out_where_some_are(workspace, tmp_path):
    unjudged = [line[:-1] for line in pairs(100, start=20)]
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(20), *unjudged])
    manifest, found = corpus(workspace, path=path)
    assert [manifest.questions(split) for split in SPLITS] == [116, 16, 2, 2]
    assert all(row["label"] is not None for row in found["test"])


def test_near_duplicates_of_unlabeled_passages_go_if_asked_for(workspace, tmp_path):
    text = " ".join(f"word{number}" for number in range(60))
    lines = ["question\tpassage", f"a?\t{text}", f"b?\t{text}.", f"c?\t{text}", "d?\tsomething else altogether here"]
    tree = {
        "paths": {"unlabeled": write_tsv(tmp_path / "all.tsv", lines)},
        "split": {"validation": 0, "test": 0},
        "mining": {"enabled": False},
    }
    assert corpus(workspace, **tree)[0].rows("unlabeled") == 4
    manifest, found = corpus(workspace, **tree, deduplicate={"near": True})
    assert questions(found["unlabeled"]) == {"a?", "c?", "d?"}
    assert manifest.counts["deduplicated"] == {"near-duplicate passage": 1}


def test_shards_join_their_labels_by_file(workspace, tmp_path):
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(50)])
    manifest, found = corpus(workspace, path=path, shard_rows=32)
    assert manifest.shards("train") == [f"part-0000{index}.parquet" for index in range(4)]
    assert [shard["rows"] for shard in manifest.splits["train"]["shards"]] == [32, 32, 32, 24]
    for split in SPLITS:  # `rows` has checked that golden labels have the same ids
        start = SPLITS.index(split) * ID_STRIDE
        assert [row["id"] for row in found[split]] == list(range(start, start + manifest.rows(split)))


def test_a_rebuild_leaves_nothing_of_the_older_corpus(workspace, tmp_path):
    many = write_tsv(tmp_path / "many.tsv", [HEADER, *pairs(50), "q\t\t1"])
    few = write_tsv(tmp_path / "few.tsv", [HEADER, *pairs(10)])
    corpus(workspace, path=many, shard_rows=16)
    workspace.publish_bytes("soft_labels/mine/unlabeled/teacher/part-00000.parquet", b"kept")
    manifest, _ = corpus(workspace, path=few, shard_rows=16)
    assert workspace.list("corpora/mine/train", ".parquet") == manifest.shards("train")
    assert workspace.list("soft_labels/mine/train/golden", ".parquet") == manifest.shards("train")
    assert workspace.list("rejected/mine") == []
    assert workspace.exists("soft_labels/mine/unlabeled/teacher/part-00000.parquet")
    assert CorpusManifest.load(workspace, "mine") == manifest


def test_a_source_that_cannot_be_used_leaves_the_corpus_that_was_there(workspace, tmp_path):
    path = tmp_path / "all.tsv"
    write_tsv(path, [HEADER, *pairs(10)])
    before, found = corpus(workspace, path=str(path))
    write_tsv(path, [HEADER, "q\tp\t9"])
    with pytest.raises(Exception, match="label outside the classes"):
        corpus(workspace, path=str(path))
    assert CorpusManifest.load(workspace, "mine") == before
    assert {split: rows(workspace, before, split) for split in SPLITS} == found
    assert len(rejected(workspace, "mine")) == 1


def test_fingerprints_follow_text_and_not_labels(workspace, tmp_path):
    lines = [HEADER, *pairs(20)]
    first, _ = corpus(workspace, path=write_tsv(tmp_path / "a.tsv", lines))
    relabelled = [line[:-1] + "0" if line.endswith("1") else line for line in lines]
    second, _ = corpus(workspace, path=write_tsv(tmp_path / "a.tsv", relabelled))
    third, _ = corpus(workspace, path=write_tsv(tmp_path / "a.tsv", [line.replace("the", "a") for line in lines]))
    assert first.fingerprint == second.fingerprint != third.fingerprint


def test_made_from_follows_files_and_config(tmp_path):
    path = tmp_path / "a.tsv"
    write_tsv(path, [HEADER, *pairs(5)])
    first = made_from(config_of(path=str(path)))
    assert made_from(config_of(path=str(path), name="another")) == first
    assert made_from(config_of(path=str(path), seed=1)) != first
    write_tsv(path, [HEADER, *pairs(6)])
    assert made_from(config_of(path=str(path))) != first


def test_the_same_files_give_the_same_bytes(workspace, tmp_path):
    path = write_tsv(tmp_path / "all.tsv", [HEADER, *pairs(30, 1)])

    def contents() -> dict[Path, bytes]:
        corpus(workspace, path=path)
        return {file: file.read_bytes() for file in workspace.local_path().rglob("*.parquet")}

    assert contents() == contents()
