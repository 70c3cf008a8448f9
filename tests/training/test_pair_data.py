"""What a worker reads: tokens and labels of the same row, joined by id, and no loss from rows without a label."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoTokenizer

from tiny_stages import NO_GOLDEN, NOT_SCORED, ROWS, make_world, signal, stage
from tmkd.errors import UserError
from tmkd.objectives.soft_label_mse import soft_label_mse
from tmkd.soft_labels.calibration import Calibration
from tmkd.soft_labels.golden import read_golden
from tmkd.soft_labels.store import LabelStore
from tmkd.training.learned import check_learned, count_learned
from tmkd.training.pair_data import PairRows
from tmkd.training.stage_parts import Signal
from tmkd.workspace import corpus_folder

SHARD = "part-00001.parquet"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("rows"))


def read(world, size: int = 100, shards: int = 2, **changes) -> list:
    rows = PairRows(
        stage(world, "x", **changes).spec, world.workspace, AutoTokenizer.from_pretrained(world.base), window=1
    )
    refs = np.array([(shard, row) for row in range(ROWS) for shard in range(shards)])
    return list(rows.micro_batches(refs, np.ones(len(refs), np.float32), size))


def pairs(world, shard: str) -> list[tuple[str, str]]:
    table = world.workspace.read_table(f"{corpus_folder('tiny', 'train')}/{shard}").to_pydict()
    return list(zip(table["question"], table["passage"], strict=True))


def texts(world, inputs: dict) -> list[str]:
    """Return what a model reads, as its tokenizer spells it."""
    tokenizer = AutoTokenizer.from_pretrained(world.base)
    masked = zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
    return [tokenizer.decode(ids[mask.bool()]) for ids, mask in masked]


def test_inputs_are_those_of_the_hugging_face_tokenizer(world) -> None:
    tokenizer = AutoTokenizer.from_pretrained(world.base)
    (micro,) = read(world, shards=1)
    wanted = pairs(world, "part-00000.parquet")
    by_hand = tokenizer(*map(list, zip(*wanted, strict=True)), truncation=True, max_length=24, padding=True)
    as_sets = [
        {tuple(ids[mask == 1]) for ids, mask in zip(*map(np.array, columns), strict=True)}
        for columns in (
            (micro.inputs["input_ids"], micro.inputs["attention_mask"]),
            (by_hand["input_ids"], by_hand["attention_mask"]),
        )
    ]
    assert as_sets[0] == as_sets[1] and len(as_sets[0]) == ROWS
    assert set(micro.inputs) == {"input_ids", "attention_mask", "token_type_ids"}


def test_every_row_has_its_own_labels(world) -> None:
    labels = {}
    for shard in ("part-00000.parquet", SHARD):
        golden = read_golden(world.workspace, "tiny", "train", shard).labels
        logits = [LabelStore(world.workspace, "tiny", "train", teacher).read(shard)[1] for teacher in "ab"]
        spelt = [f"[CLS] {question} [SEP] {passage} [SEP]" for question, passage in pairs(world, shard)]
        labels |= {text: (golden[row], logits[0][row], logits[1][row]) for row, text in enumerate(spelt)}
    seen = 0
    for micro in read(world, size=7, golden=True):
        for row, text in enumerate(texts(world, micro.inputs)):
            golden, a, b = labels[text]
            assert micro.targets.golden[row] == golden
            np.testing.assert_array_equal(micro.targets.soft["soft:a"][row], a)
            np.testing.assert_array_equal(micro.targets.soft["soft:b"][row], np.nan_to_num(b))
            has = {"golden": golden >= 0, "soft:a": True, "soft:b": np.isfinite(b).all()}
            assert {term: float(weights[row]) for term, weights in micro.targets.weights.items()} == has
            seen += 1
    assert seen == 2 * ROWS


def test_every_header_learns_from_the_rows_that_have_its_own_label(world) -> None:
    """A teacher that fails on a row takes it from its own header alone."""
    (micro,) = read(world, shards=1, golden=True)
    kept = {term: int(weights.sum()) for term, weights in micro.targets.weights.items()}
    assert kept == {"golden": ROWS - len(NO_GOLDEN), "soft:a": ROWS, "soft:b": ROWS - len(NOT_SCORED)}


def test_rows_are_counted_from_the_stores_as_they_are_read(world) -> None:
    made = stage(world, "x", golden=True, signals={"soft:b": signal("b"), "soft:mean": signal("a", "b")})
    rows = PairRows(made.spec, world.workspace, AutoTokenizer.from_pretrained(world.base), window=1)
    read_ = sum((Counter(rows.counts(np.array([[shard, r] for r in range(ROWS)]))) for shard in range(3)), Counter())
    found = count_learned(made.spec, world.workspace)
    assert found.terms == read_ == {"golden": 3 * 17, "soft:b": 3 * 18, "soft:mean": 3 * 20}
    assert found.teachers == {"b": 3 * 18, "a": 3 * 20} and found.rows == 3 * ROWS
    assert (
        count_learned(stage(world, "x", golden=True, signals={"soft:b": signal("b")}).spec, world.workspace).rows == 57
    )


@pytest.mark.parametrize(
    ("changes", "at_least", "words"),
    [
        ({"signals": {"soft:x": signal("silent")}}, 0.0, "teacher silent has scored 0 of 20 rows"),
        ({"signals": {"soft:x": signal("a", "silent")}}, 0.0, "teacher silent has scored 0 of 20 rows"),
        ({}, 0.95, "teacher b has scored 18 of 20 rows; training.min_scored asks each teacher for 95%"),
        ({"split": "unjudged", "golden": True, "signals": {}}, 0.0, "no row has a label for golden"),
        ({"shards": {}}, 0.0, "the split has no rows"),
    ],
)
def test_a_stage_with_too_little_to_learn_from_is_refused(world, changes, at_least: float, words: str) -> None:
    LabelStore(world.workspace, "tiny", "train", "silent").publish(
        SHARD, ROWS + np.arange(ROWS), np.full((ROWS, 2), np.nan)
    )
    made = stage(world, "x", **{"shards": {SHARD: ROWS}, **changes})
    with pytest.raises(UserError, match=re.escape(words)):
        check_learned(made.spec, world.workspace, at_least)
    assert check_learned(stage(world, "x", golden=True).spec, world.workspace, 0.9).terms["soft:b"] == 54


def test_rows_that_only_fill_up_a_worker_s_share_keep_their_weight_of_0(world) -> None:
    rows = PairRows(stage(world, "x").spec, world.workspace, AutoTokenizer.from_pretrained(world.base), window=1)
    refs, weights = np.array([[0, row] for row in range(4)]), np.array([1, 0, 1, 0], np.float32)
    (micro,) = rows.micro_batches(refs, weights, 4)
    assert micro.targets.weight.sum() == micro.targets.of("soft:a").sum() == 2


def test_an_infinite_label_has_no_weight_and_harms_no_sum(world) -> None:
    """The store itself never writes one; a file made by somebody else may hold it."""
    values = np.zeros((ROWS, 2), np.float16)
    values[4] = np.inf
    table = pa.table({"id": np.arange(ROWS), "logits": pa.FixedSizeListArray.from_arrays(values.reshape(-1), 2)})
    world.workspace.publish_table("soft_labels/tiny/train/foreign/part-00000.parquet", table)
    (micro,) = read(world, shards=1, signals={"soft:a": signal("foreign")})
    weights = micro.targets.of("soft:a")
    assert int(weights.sum()) == ROWS - 1
    assert (soft_label_mse(torch.zeros(ROWS, 2), micro.targets.soft["soft:a"]) * weights).sum() == 0


def test_a_header_may_learn_the_mean_of_several_teachers(world) -> None:
    both = read(world, shards=1, signals={"soft:mean": signal("a", "b")})
    each = read(world, shards=1)
    for one, two in zip(both, each, strict=True):
        scored = two.targets.of("soft:b") == 1
        mean = (two.targets.soft["soft:a"] + two.targets.soft["soft:b"]) / 2
        mean[~scored] = two.targets.soft["soft:a"][~scored]  # of those that scored the row
        torch.testing.assert_close(one.targets.soft["soft:mean"], mean)
        assert bool((one.targets.of("soft:mean") == 1).all()) and int((~scored).sum()) == len(NOT_SCORED)


def test_a_mean_may_be_weighted_and_its_teachers_divided_by_their_temperatures(world) -> None:
    cooled = Calibration(scale=0.5, source="temperature")
    weighted = Signal(("a", "b"), (cooled, None), "w", shares=(0.75, 0.25))
    (one,), (two,) = read(world, shards=1, signals={"soft:mean": weighted}), read(world, shards=1)
    usable = two.targets.of("soft:b") == 1
    mean = 0.75 * 0.5 * two.targets.soft["soft:a"] + 0.25 * two.targets.soft["soft:b"]
    torch.testing.assert_close(one.targets.soft["soft:mean"][usable], mean[usable])


def test_a_single_logit_becomes_two_whose_difference_is_the_calibrated_logit(world) -> None:
    calibration = Calibration(scale=2.0, shift=0.5)
    single = Signal(("single",), (calibration,), "s")
    for micro in read(world, shards=1, signals={"soft:single": single}):
        logits = micro.targets.soft["soft:single"]
        assert logits.shape[1] == 2
        torch.testing.assert_close(logits[:, 0], -logits[:, 1])
    raw = LabelStore(world.workspace, "tiny", "train", "single").read("part-00000.parquet")[1][:, 0]
    differences = torch.cat([m.targets.soft["soft:single"].diff(dim=1)[:, 0] for m in
                             read(world, shards=1, signals={"soft:single": single})])  # fmt: skip
    np.testing.assert_allclose(np.sort(differences), np.sort(2 * raw + 0.5), atol=1e-5)


def test_micro_batches_hold_like_lengths_and_are_padded_no_further_than_needed(world) -> None:
    widths = [micro.inputs["input_ids"].shape[1] for micro in read(world, size=5)]
    assert widths == sorted(widths) and widths[0] < widths[-1]
    assert all(micro.inputs["attention_mask"][:, -1].any() for micro in read(world, size=5))


def test_long_pairs_are_cut_to_the_stage_s_length(world) -> None:
    assert max(micro.inputs["input_ids"].shape[1] for micro in read(world, size=5, max_length=10)) == 10
