"""How labels lie in Parquet: spans come back as they went in, rows without a score as nothing."""

import numpy as np
import pytest

from tmkd.errors import UserError
from tmkd.soft_labels.layouts import pack, storable, unpack
from tmkd.soft_labels.store import LabelStore
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.span_logits import SpanLogits
from tmkd.workspace import Workspace

SHARD = "part-00000.parquet"


@pytest.fixture
def store(tmp_path) -> LabelStore:
    store = LabelStore(Workspace.open(str(tmp_path)), "c", "train", "reader")
    store.bind({"weights": "w"})
    return store


def spans(lengths=(3, 1, 5, 2)) -> SpanLogits:
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(length, 2)).astype(np.float32) for length in lengths]
    return SpanLogits.of(rows, rng.normal(size=len(lengths)).astype(np.float32))


def test_spans_come_back_in_float16(store) -> None:
    labels, ids = spans(), np.arange(4) + 10
    store.publish(SHARD, ids, labels)
    found_ids, found = store.read_spans(SHARD)
    np.testing.assert_array_equal(found_ids, ids)
    np.testing.assert_array_equal(found.offsets, labels.offsets)
    np.testing.assert_array_equal(found.tokens, labels.tokens.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(found.null, labels.null)
    assert store.rejected(SHARD) == 0


def test_rows_without_a_score_come_back_empty(store) -> None:
    labels = spans()
    labels.tokens[labels.offsets[1], 1] = np.inf
    labels.null[3] = np.nan
    assert storable(labels).tolist() == [True, False, True, False]
    store.publish(SHARD, np.arange(4), labels)
    _, found = store.read_spans(SHARD)
    assert found.lengths.tolist() == [3, 0, 5, 0] and np.isnan(found.null).tolist() == [False, True, False, True]
    np.testing.assert_array_equal(found.row(2), labels.row(2).astype(np.float16).astype(np.float32))
    assert store.rejected(SHARD) == 2 and store.scored(SHARD)[1].tolist() == [True, False, True, False]


def test_the_same_labels_give_the_same_bytes(store, tmp_path) -> None:
    store.publish(SHARD, np.arange(4), spans())
    before = (tmp_path / store.folder / SHARD).read_bytes()
    store.publish(SHARD, np.arange(4), spans())
    assert (tmp_path / store.folder / SHARD).read_bytes() == before


def test_a_shard_without_rows(store) -> None:
    store.publish(SHARD, np.arange(0), spans(()))
    assert len(store.read_spans(SHARD)[1]) == 0


def maps() -> AttentionMaps:
    rng = np.random.default_rng(1)
    rows = [rng.dirichlet(np.ones(asked), length) for length, asked in ((4, 3), (0, 2), (2, 5))]
    return AttentionMaps.of([rows[0], rows[1], np.zeros((0, 0)), rows[2]])


def test_attention_comes_back_in_float16_each_map_in_its_shape(store) -> None:
    labels = maps()
    assert storable(labels).tolist() == [True, True, False, True]
    store.publish(SHARD, np.arange(4), labels)
    ids, found = store.read_attention(SHARD)
    assert ids.tolist() == [0, 1, 2, 3] and store.rejected(SHARD) == 1
    for row in (0, 1, 3):
        assert found.row(row).shape == labels.row(row).shape
        np.testing.assert_array_equal(found.row(row), labels.row(row).astype(np.float16).astype(np.float32))
    assert found.row(2).shape == (0, 0)


def best_of(tmp_path, top: int) -> LabelStore:
    store = LabelStore(Workspace.open(str(tmp_path)), "c", "train", f"best-{top}")
    store.bind({"weights": "w", "top_logits": top})
    return store


def test_the_best_logits_keep_their_probabilities(tmp_path) -> None:
    labels, store = spans((30, 2, 7)), best_of(tmp_path, 3)
    store.publish(SHARD, np.arange(3), labels)
    _, found = store.read_spans(SHARD)
    assert found.lengths.tolist() == [30, 2, 7]
    for row in range(3):
        asked, given = (np.exp(x - np.logaddexp.reduce(x, axis=0)) for x in (labels.row(row), found.row(row)))
        for side in (0, 1):
            order = np.argsort(-asked[:, side])
            np.testing.assert_allclose(given[order[:3], side], asked[order[:3], side], rtol=3e-3)
            assert len(np.unique(given[order[3:], side])) <= 1  # the rest is spread evenly
        np.testing.assert_allclose(given.sum(axis=0), 1, rtol=3e-3)


def test_the_best_logits_take_less_room(store, tmp_path) -> None:
    labels = spans((300,) * 20)
    size = {}
    for name, each in (("all", store), ("best", best_of(tmp_path, 10))):
        each.publish(SHARD, np.arange(20), labels)
        size[name] = (tmp_path / each.folder / SHARD).stat().st_size
    assert size["best"] < size["all"] / 3


def test_rows_without_a_score_stay_so_among_the_best(tmp_path) -> None:
    labels, store = spans(), best_of(tmp_path, 2)
    labels.null[2] = np.nan
    store.publish(SHARD, np.arange(4), labels)
    _, found = store.read_spans(SHARD)
    assert found.lengths.tolist() == [3, 1, 0, 2] and np.isnan(found.null).tolist() == [False, False, True, False]


def test_one_task_s_labels_are_not_read_as_another_s(store) -> None:
    store.publish(SHARD, np.arange(4), spans())
    with pytest.raises(UserError, match="holds no class logits"):
        store.read(SHARD)
    with pytest.raises(UserError, match="holds no attention"):
        store.read_attention(SHARD)
    store.publish(SHARD, np.arange(2), np.zeros((2, 3), np.float32))
    with pytest.raises(UserError, match="holds no start and end logits"):
        store.read_spans(SHARD)


def test_labels_travel_as_plain_arrays() -> None:
    labels = spans()
    row = {f"t:{key}": value for key, value in pack(labels).items()}
    found = unpack(row, "t:")
    assert isinstance(found, SpanLogits)
    np.testing.assert_array_equal(found.row(2), labels.row(2))
    looks = unpack({f"t:{key}": value for key, value in pack(maps()).items()}, "t:")
    assert isinstance(looks, AttentionMaps)
    np.testing.assert_array_equal(looks.row(3), maps().row(3))
    classes = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(unpack({f"t:{k}": v for k, v in pack(classes).items()}, "t:"), classes)
