"""The result of a stage does not depend on how its steps are cut: micro-batches, workers, ZeRO stages.

Float32, no dropout. Tolerance: 1e-6 on weights that have moved by 1e-3 and more (six steps at rates of up to 1e-3);
measured: 1e-7. What differs is the order of additions.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from one_fit import FREE_LEVEL, UNDETERMINED, BreakOff, Record, attempt, furthest, note, run, weights
from tiny_stages import SHAPE, make_world, schedule, stage
from tmkd.runtimes.precision import has_fast_bf16
from tmkd.training.model import build

ATOL = 1e-6
ZERO = (0, 1, 2, 3)


def learned(world, output: str, **changes):
    """Golden and soft labels, some of them missing, so that rows of a batch weigh differently."""
    values = {"golden": True, "weights": {"golden": 0.1, "soft": 0.9}, "validation": world.shards}
    return stage(world, output, **values | {"schedule": schedule(clip=0)} | changes)


def compared(world, output: str):
    """Candidates of a question against each other."""
    return learned(world, output, soft_objective="margin_mse")


def clipped(world, output: str, **changes):
    """The same with gradients clipped in some steps but not in all (norms are 13 to 73)."""
    return learned(world, output, schedule=schedule(clip=25), **changes)


def broken_off(world, output: str):
    return clipped(world, output, tracked=BreakOff(after=5))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("invariance"))


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """Where a stage writes what it sends to its tracker."""
    return tmp_path_factory.mktemp("tracker") / "sent"


@pytest.fixture(scope="module")
def alone(world, sent, ray_session, tmp_path_factory) -> dict[str, str]:
    """One worker: every cut of the same stage, and runs that are broken off and gone on with."""
    frozen = dataclasses.replace(SHAPE, freeze_embeddings=True)
    attempts = {
        "1x8": attempt(learned(world, "1x8"), micro_batch=8),
        "clipped": attempt(clipped(world, "clipped"), micro_batch=8),
        "8x1": attempt(learned(world, "8x1"), micro_batch=1),
        "3+3+2": attempt(learned(world, "3+3+2"), micro_batch=3),
        "batches of 7": attempt(learned(world, "batches of 7", schedule=schedule(batch_size=7, clip=0)), micro_batch=8),
        "compared": attempt(compared(world, "compared"), micro_batch=8),
        "compared, 3+3+2": attempt(compared(world, "compared, 3+3+2"), micro_batch=3),
        "compared, 8x1": attempt(compared(world, "compared, 8x1"), micro_batch=1),
        "bf16": attempt(learned(world, "bf16"), precision="bf16"),
        "frozen": attempt(learned(world, "frozen", shape=frozen), zero_stage=1),
    }
    for zero in ZERO:
        engine = {"zero_stage": zero, "micro_batch": 3}
        attempts[f"zero {zero}"] = attempt(clipped(world, f"zero {zero}"), **engine)
        attempts[f"broken {zero}"] = attempt(broken_off(world, f"resumed {zero}"), checkpoint_every_steps=2, **engine)
        attempts[f"resumed {zero}"] = attempt(clipped(world, f"resumed {zero}"), **engine)
    attempts["broken before"] = attempt(broken_off(world, "cut anew"), checkpoint_every_steps=2)
    attempts["cut anew"] = attempt(clipped(world, "cut anew"), zero_stage=1, micro_batch=3)
    other_window = {"checkpoint_every_steps": 2, "shuffle_shards": 1}
    attempts["broken window"] = attempt(broken_off(world, "other window"), **other_window)
    attempts["other window"] = attempt(clipped(world, "other window"))
    attempts["recorded"] = attempt(learned(world, "recorded", tracked=Record(sent)), validations=2)
    return run(world, attempts, 1, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def in_pair(world, ray_session, tmp_path_factory) -> dict[str, str]:
    """Two workers."""
    attempts = {
        "2 workers": attempt(learned(world, "2 workers"), micro_batch=8),
        "2 workers, 1 row": attempt(learned(world, "2 workers, 1 row"), micro_batch=1),
        "2 workers, 7": attempt(learned(world, "2 workers, 7", schedule=schedule(batch_size=7, clip=0)), micro_batch=2),
    }
    attempts["compared, 2 workers"] = attempt(compared(world, "compared, 2 workers"), micro_batch=2)
    for zero in ZERO[1:]:
        name = f"2 workers, zero {zero}"
        attempts[name] = attempt(clipped(world, name), zero_stage=zero, micro_batch=3)
    return run(world, attempts, 2, tmp_path_factory.mktemp("in_pair"))


def check_same(world, faults: dict[str, str], name: str, as_in: str, but: tuple[str, ...] = UNDETERMINED) -> None:
    """Both must be there, the same, and not where they started."""
    assert name not in faults, faults[name]
    ours, theirs = weights(world, name), weights(world, as_in)
    start, _, _ = build(learned(world, "x").spec, world.workspace)
    moved = furthest({key: value.numpy() for key, value in start.state_dict().items()}, theirs)
    assert moved > 1e-3 > 100 * ATOL
    assert furthest(ours, theirs, but) <= ATOL


@pytest.mark.parametrize("name", ["8x1", "3+3+2"])
def test_accumulated_micro_batches_equal_one_large_one(world, alone, name: str) -> None:
    check_same(world, alone, name, "1x8")


@pytest.mark.parametrize("name", ["compared, 3+3+2", "compared, 8x1", "compared, 2 workers"])
def test_candidates_that_are_compared_stay_together_however_a_step_is_cut(world, alone, in_pair, name: str) -> None:
    check_same(world, alone | in_pair, name, "compared", UNDETERMINED + FREE_LEVEL)
    assert furthest(weights(world, "compared"), weights(world, "1x8")) > 100 * ATOL


@pytest.mark.parametrize("zero", ZERO)
def test_every_zero_stage_learns_the_same(world, alone, zero: int) -> None:
    check_same(world, alone, f"zero {zero}", "clipped")
    assert furthest(weights(world, "clipped"), weights(world, "1x8")) > 50 * ATOL


@pytest.mark.parametrize("name", ["2 workers", "2 workers, 1 row"])
def test_two_workers_learn_what_one_learns(world, alone, in_pair, name: str) -> None:
    check_same(world, in_pair, name, "1x8")


@pytest.mark.parametrize("zero", ZERO[1:])
def test_two_workers_that_share_state_learn_what_one_learns(world, alone, in_pair, zero: int) -> None:
    check_same(world, in_pair, f"2 workers, zero {zero}", "clipped")


def test_batches_that_two_workers_cannot_halve_are_learned_the_same(world, alone, in_pair) -> None:
    check_same(world, in_pair, "2 workers, 7", "batches of 7")
    assert furthest(weights(world, "batches of 7"), weights(world, "1x8")) > 100 * ATOL


@pytest.mark.parametrize(
    ("kind", "name", "as_in"),
    [
        (learned, "8x1", "1x8"), (learned, "2 workers", "1x8"), (clipped, "zero 3", "clipped"),
        (clipped, "2 workers, zero 2", "clipped"),
    ],
)  # fmt: skip
def test_curves_do_not_depend_on_the_cut_either(world, alone, in_pair, kind, name: str, as_in: str) -> None:
    ours, theirs = (note(world, kind(world, output))["history"] for output in (name, as_in))
    assert set(ours) == set(theirs) >= {"loss", "golden", "soft", "soft:a", "soft:b", "validation_accuracy"}
    for curve, points in theirs.items():
        np.testing.assert_allclose(np.array(ours[curve]), np.array(points), atol=1e-5)
    assert [step for step, _ in theirs["loss"]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("zero", ZERO)
def test_a_stage_gone_on_with_ends_bit_for_bit_where_an_uninterrupted_one_does(world, alone, zero: int) -> None:
    assert "broken off" in alone[f"broken {zero}"]
    assert f"resumed {zero}" not in alone, alone[f"resumed {zero}"]
    resumed, whole = (note(world, clipped(world, f"{kind} {zero}")) for kind in ("resumed", "zero"))
    assert resumed["resumed_at"] == 4 and whole["resumed_at"] == 0
    assert furthest(weights(world, f"resumed {zero}"), weights(world, f"zero {zero}")) == 0
    assert resumed["history"] == whole["history"]


def test_a_checkpoint_of_another_zero_stage_is_not_gone_on_from_but_trained_anew(world, alone) -> None:
    assert "broken off" in alone["broken before"]
    assert "cut anew" not in alone, alone["cut anew"]
    assert note(world, clipped(world, "cut anew"))["resumed_at"] == 0
    assert furthest(weights(world, "cut anew"), weights(world, "zero 1")) == 0


def test_a_checkpoint_of_another_order_of_rows_is_not_gone_on_from(world, alone) -> None:
    """`training.shuffle_shards` decides the order: going on would repeat some rows and leave others out."""
    assert "broken off" in alone["broken window"]
    assert note(world, clipped(world, "other window"))["resumed_at"] == 0
    assert furthest(weights(world, "other window"), weights(world, "clipped")) <= ATOL


def test_every_point_of_a_curve_is_sent_to_the_tracker_once(world, alone, sent) -> None:
    lines = sent.read_text().splitlines()
    assert len(lines) == len(set(lines))
    curves = note(world, learned(world, "recorded"))["history"]
    assert set(lines) == {f"pretrain/{name}@{step}" for name, points in curves.items() for step, _ in points}
    assert {"pretrain/validation_accuracy@3", "pretrain/validation_accuracy@6"} <= set(lines)


def test_bfloat16_learns_nearly_the_same_and_keeps_float32_weights(world, alone) -> None:
    if not has_fast_bf16("cpu"):
        pytest.skip("this CPU has no bf16 arithmetic")
    assert "bf16" not in alone, alone["bf16"]
    ours, theirs = weights(world, "bf16"), weights(world, "1x8")
    assert {value.dtype for value in ours.values()} == {np.dtype("float32")}
    assert ATOL < furthest(ours, theirs) < 5e-3


def test_frozen_embeddings_stay_and_the_rest_learns(world, alone) -> None:
    frozen = dataclasses.replace(SHAPE, freeze_embeddings=True)
    start, _, _ = build(learned(world, "frozen", shape=frozen).spec, world.workspace)
    ours = weights(world, "frozen")
    for name, value in start.state_dict().items():
        assert (name.startswith("encoder.embeddings.")) == np.array_equal(value.numpy(), ours[name]), name


@pytest.mark.parametrize("name", ["zero 0", "zero 3", "2 workers, zero 2", "2 workers, zero 3"])
def test_what_is_published_is_a_whole_model_folder(world, alone, in_pair, name: str) -> None:
    folder = world.workspace.local_path(name)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    assert model.config.trained_headers == ["golden", "soft:a", "soft:b"]
    batch = AutoTokenizer.from_pretrained(folder)(["w1 w2"], ["w3 w4"], return_tensors="pt")
    with torch.inference_mode():
        assert model(**batch).logits.isfinite().all()
    assert {path.suffix for path in folder.iterdir()} == {".json", ".md", ".safetensors"}
    assert "soft:a, soft:b" in (folder / "README.md").read_text()
