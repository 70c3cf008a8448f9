from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from corpus_helpers import build, config_of, make_packages, rows

from tmkd.corpus.docs.build import reserve
from tmkd.corpus.docs.config import NegativesConfig
from tmkd.corpus.docs.harvest import harvest, parse_chunk
from tmkd.corpus.docs.packages import find_sources
from tmkd.corpus.docs.pairs import PairMaker
from tmkd.corpus.docs.parse import Entry
from tmkd.corpus.docs.select import split_entries
from tmkd.corpus.ranking import Ranker
from tmkd.corpus.schema import SPLITS
from tmkd.errors import UserError

SIZES = {"unlabeled_questions": 60, "golden_questions": 30, "validation_questions": 15, "test_questions": 20}


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    return make_packages(tmp_path_factory.mktemp("packages"))


def tree(packages: Path, **docs) -> dict:
    split = {"validation": 0.2, "test": 0.2}
    return {"name": "small", "split": split, "docs": {"folder": str(packages), **SIZES, **docs}}


def all_bytes(workspace) -> dict[str, bytes]:
    root = workspace.local_path()
    files = (path for path in root.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_sizes_and_balance(workspace, packages):
    manifest = build(workspace, **tree(packages))
    assert {split: manifest.rows(split) for split in SPLITS} == {
        "unlabeled": 180, "train": 60, "validation": 30, "test": 40,
    }  # fmt: skip
    assert [manifest.has_labels(split) for split in SPLITS] == [False, True, True, True]
    assert not workspace.exists("soft_labels/small/unlabeled/golden")
    for split in SPLITS[1:]:
        assert Counter(row["label"] for row in rows(workspace, manifest, split)) == dict.fromkeys(
            (0, 1), manifest.rows(split) // 2
        )
        for row in rows(workspace, manifest, split):
            assert (row["rank"] == 0) == (row["label"] == 1) == row["source_id"].endswith("~own")


def test_no_package_and_no_question_is_in_two_splits(workspace, packages):
    manifest = build(workspace, **tree(packages))
    found = {split: rows(workspace, manifest, split) for split in SPLITS}
    homes = {split: {row["question_id"].split(":")[0] for row in found[split]} for split in SPLITS}
    train_side = homes["unlabeled"] | homes["train"]
    assert not train_side & homes["validation"]
    assert not train_side & homes["test"]
    assert not homes["validation"] & homes["test"]
    questions = [{row["question"] for row in found[split]} for split in ("unlabeled", "train")]
    assert not questions[0] & questions[1]


def test_the_same_sources_give_the_same_bytes(workspace, packages):
    first_manifest = build(workspace, **tree(packages))
    first = all_bytes(workspace)
    second_manifest = build(workspace, **tree(packages))
    assert all_bytes(workspace) == first
    assert first_manifest.fingerprint == second_manifest.fingerprint


def test_another_seed_gives_other_splits(workspace, packages):
    first = build(workspace, **tree(packages))
    second = build(workspace, **tree(packages), seed=1)
    assert first.fingerprint != second.fingerprint


def test_fewer_golden_questions_are_a_subset_and_change_nothing_else(workspace, packages):
    many = build(workspace, **tree(packages))
    before = {split: rows(workspace, many, split) for split in SPLITS}
    few = build(workspace, **tree(packages, golden_questions=10))
    after = {split: rows(workspace, few, split) for split in SPLITS}
    assert after["train"] == before["train"][:20]
    for split in ("unlabeled", "validation", "test"):
        assert after[split] == before[split]
        assert few.split_fingerprint(split) == many.split_fingerprint(split)


def test_negatives_have_the_ranks_of_their_windows(packages):
    config = config_of(**tree(packages)).docs
    parsed = harvest(find_sources(config))
    negatives = NegativesConfig()
    maker = PairMaker(parsed.entries, negatives, seed=0)
    ranker = Ranker([entry.passage for entry in parsed.entries])
    passages = [entry.passage for entry in parsed.entries]
    for turn, entry in enumerate(parsed.entries[::10]):
        for pair in [*maker.unlabeled(entry), *maker.labelled(entry, turn)]:
            ranked = [passages[place] for place in ranker.order(ranker.scores(entry.question), len(passages))]
            ranked.remove(entry.passage)
            assert pair.rank == (0 if pair.label else ranked.index(pair.passage) + 1)
            kind = pair.source_id.split("~")[1]
            if kind in ("near", "far"):
                first, last = getattr(negatives, kind)
                assert first <= pair.rank <= last
        kinds = [pair.source_id.split("~")[1] for pair in maker.labelled(entry, turn)]
        assert kinds == ["own", negatives.labelled[turn % 3]]


def test_a_big_package_starves_no_split():
    sizes = {"big": 2000, "b": 100, "c": 100, "d": 100, "e": 100, "f": 100}
    entries = [Entry(name, f"{name}:{number}", "q", "p") for name, size in sizes.items() for number in range(size)]
    for seed in range(10):
        divided = split_entries(entries, config_of(seed=seed))
        assert min(len(part) for part in divided.values()) >= 100


def test_a_held_out_split_is_never_one_big_package():
    sizes = {f"big{number}": 2000 for number in range(5)} | {f"small{number}": 50 for number in range(100)}
    entries = [Entry(name, f"{name}:{number}", "q", "p") for name, size in sizes.items() for number in range(size)]
    homes = []
    for seed in range(3):
        divided = split_entries(entries, config_of(seed=seed))
        homes.append({entry.package for entry in divided["test"]})
        assert len(homes[-1]) >= 20
        assert abs(len(divided["test"]) - 1500) <= 150
        assert abs(len(divided["validation"]) - 1500) <= 150
    assert len(homes[0] & homes[1]) < len(homes[0])


def test_split_by_question_keeps_the_fractions():
    entries = [Entry("only", f"only:{number}", "q", "p") for number in range(1000)]
    divided = split_entries(entries, config_of(split={"by": "question"}))
    assert {split: len(part) for split, part in divided.items()} == {"train": 800, "validation": 100, "test": 100}


@pytest.mark.parametrize(
    ("unlabeled", "golden", "expected"), [(60, 30, (60, 30)), (95, 30, (70, 30)), (95, 80, (50, 50))]
)
def test_golden_questions_come_from_the_other_end(unlabeled, golden, expected):
    entries = [Entry("p", str(number), "q", "p") for number in range(100)]
    first, last = reserve(entries, unlabeled, golden)
    assert (len(first), len(last)) == expected
    assert not set(first) & set(last)


def test_repetitions_are_counted_by_reason(workspace, tmp_path):
    make_packages(tmp_path, 4, 30)
    text = (tmp_path / "pack0" / "__init__.py").read_text()
    (tmp_path / "pack1" / "copy.py").write_text(text)
    manifest = build(workspace, **tree(tmp_path, unlabeled_questions=5, golden_questions=5))
    assert sum(manifest.counts["deduplicated"].values()) == 30
    assert manifest.counts["read"] == manifest.counts["kept"] + 30


def test_packages_are_capped(workspace, packages):
    manifest = build(workspace, **tree(packages, max_per_package=50, unlabeled_questions=20))
    assert manifest.counts["kept"] == 300
    assert manifest.counts["filtered"] == {"beyond 50 of a package": 180}


def test_a_file_that_is_no_python_is_rejected(workspace, tmp_path):
    make_packages(tmp_path, 4, 30)
    (tmp_path / "pack0" / "bad.py").write_text('def f(:\n"""x"""')
    manifest = build(workspace, **tree(tmp_path))
    assert manifest.counts["rejected"] == {"not valid Python": 1}


def test_too_little_documentation_is_said(workspace, tmp_path):
    make_packages(tmp_path, 1, 10)
    with pytest.raises(UserError, match="too little documentation"):
        build(workspace, **tree(tmp_path))


def test_a_real_package_gives_real_questions(workspace):
    docs = {"packages": ["rich", "joblib", "fsspec"], "unlabeled_questions": 20, "golden_questions": 10}
    manifest = build(workspace, docs={**docs, "validation_questions": 3, "test_questions": 3})
    assert manifest.rows("unlabeled") == 60
    assert all(": " in row["question"] for row in rows(workspace, manifest, "unlabeled"))


def test_parsing_in_parallel_gives_the_same_order(monkeypatch):
    sources = find_sources(config_of(docs={"packages": ["rich"]}).docs)
    monkeypatch.setattr("tmkd.corpus.docs.harvest.FEW_FILES", 0)
    monkeypatch.setattr("tmkd.corpus.docs.harvest.CHUNK_FILES", 30)
    assert harvest(sources) == parse_chunk(sources)
