"""A step learns each term from the rows that have its label; where none is missing it is what it always was."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
import pyarrow as pa
import pytest
import torch

from stage_changes import changed
from tiny_stages import CORPUS, ROWS, World, engine_config, make_world, schedule, signal, stage
from tmkd.corpus.schema import GOLDEN_SCHEMA
from tmkd.errors import UserError
from tmkd.objectives.compose import combine
from tmkd.search.trial import _join_alone
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.training import engine
from tmkd.training.divergence import DivergedError
from tmkd.training.learned import count_learned
from tmkd.training.loop import StageRun
from tmkd.training.order import batches
from tmkd.training.plan import Plan, finished
from tmkd.training.run import train
from tmkd.training.stage import Stage

BOTH = {"golden": True, "weights": {"golden": 0.1, "soft": 0.9}}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    """Teacher b and the judges have left rows out (see `tiny_stages`)."""
    return make_world(tmp_path_factory.mktemp("gaps"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> World:
    """Everything is labelled."""
    made, rng = make_world(tmp_path_factory.mktemp("whole")), np.random.default_rng(1)
    for index, shard in enumerate(made.shards):
        ids = index * ROWS + np.arange(ROWS)
        LabelStore(made.workspace, CORPUS, "train", "b").publish(shard, ids, rng.normal(size=(ROWS, 2)))
        _judge(made, shard, ids, [int(label) for label in rng.integers(0, 2, ROWS)])
    return made


def _judge(world: World, shard: str, ids: np.ndarray, labels: list[int | None]) -> None:
    table = pa.table([ids, labels, [None] * len(ids)], schema=GOLDEN_SCHEMA)
    world.workspace.publish_table(golden_path(CORPUS, "train", shard), table)


class AsBefore(StageRun):
    """A step as it was when every row had all labels or no weight: one count for all terms."""

    def _step(self, step: int, refs: np.ndarray) -> None:
        torch.manual_seed((self.spec.seed * 1_000_003 + step) * 1_009 + self.rank)
        self.engine.train()
        total = float(self.rows.present(refs).all(axis=1).sum())
        micro_batches = self.rows.parts(refs, self.rank, self.world, self.plan.engine.micro_batch)
        for index, micro in enumerate(micro_batches):
            self.engine.set_gradient_accumulation_boundary(index == len(micro_batches) - 1)
            targets = dataclasses.replace(micro.targets, weights={})
            terms = self.engine(micro.inputs, targets)
            self.engine.backward(
                combine(terms, self.learner.objectives.weights) * (self.world / total), scale_wrt_gas=False
            )
        self.engine.step()


def run(world: World, made: Stage, kind: type[StageRun] = StageRun) -> StageRun:
    engine.prepare_process("cpu")
    _join_alone("cpu")
    started = kind(made, Plan((made,), engine_config(micro_batch=3), world.workspace, progress=""), "cpu", 0)
    for _ in started.steps():
        pass
    return started


@pytest.mark.parametrize("objective", ["mse", "margin_mse"])
def test_without_gaps_every_weight_is_what_it_always_was_to_the_last_bit(whole, objective: str) -> None:
    made = stage(whole, f"bits/{objective}", **BOTH, soft_objective=objective)
    ours, before = run(whole, made).model.state_dict(), run(whole, made, AsBefore).model.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in ours.items())


def test_each_term_is_the_mean_over_the_rows_of_the_step_that_have_its_label(world) -> None:
    made = stage(world, "curves", **BOTH, schedule=schedule(max_steps=1, batch_size=16))
    started = run(world, made)
    _, refs = next(batches(list(world.shards.values()), 16, 8, made.spec.seed))
    counts = started.rows.counts(refs)
    assert counts["golden"] < counts["soft:b"] < counts["soft:a"] == 16  # or nothing is tried here
    first = run(world, changed(made, schedule=schedule(max_steps=1, batch_size=16, learning_rate=1e-30)))
    (micro,) = first.rows.micro_batches(refs, np.ones(16, np.float32), 16)
    with torch.no_grad():
        logits = first.model.eval().header_logits(**micro.inputs)
    targets = micro.targets
    golden = torch.nn.functional.cross_entropy(logits["golden"], targets.golden, ignore_index=-1)
    soft = {
        header: (logits[header] - targets.soft[header])[targets.of(header) > 0].square().mean()
        for header in targets.soft
    }
    wanted = {"golden": golden, **soft, "soft": sum(soft.values()) / 2}
    wanted["loss"] = 0.1 * golden + 0.9 * wanted["soft"]
    assert {name: started.history[name][0][1] for name in wanted} == pytest.approx(
        {name: float(value) for name, value in wanted.items()}, rel=1e-5
    )


def test_a_teacher_that_failed_on_every_row_stops_its_student_before_a_step_is_taken(world) -> None:
    for index, shard in enumerate(world.shards):
        LabelStore(world.workspace, CORPUS, "train", "silent").publish(
            shard, index * ROWS + np.arange(ROWS), np.full((ROWS, 2), np.nan)
        )
    made = stage(world, "nothing", signals={"soft:a": signal("a"), "soft:silent": signal("silent")})
    with pytest.raises(UserError, match="teacher silent has scored 0 of 60 rows; no row has a label for soft:silent"):
        train([made], engine_config(), world.workspace, "run", "tiny")
    assert finished(world.workspace, made) is None


def test_manifests_are_counted_by_without_reading_shards_that_have_no_gaps(world, tmp_path) -> None:
    made = stage(world, "x")
    before = count_learned(made.spec, world.workspace)
    for teacher in "ab":
        LabelStore(world.workspace, CORPUS, "train", teacher).compact(world.shards)
    file = world.workspace.local_path(f"soft_labels/{CORPUS}/train/a/part-00000.parquet")
    file.rename(tmp_path / "aside")
    try:
        assert count_learned(made.spec, world.workspace) == before
    finally:
        (tmp_path / "aside").rename(file)


def test_a_finished_student_says_how_many_rows_each_header_learned_from(world) -> None:
    made = stage(world, "counted", **BOTH)
    run(world, made).finish()
    note = finished(world.workspace, made)
    assert note["rows_by_header"] == {"golden": 51, "soft:a": 60, "soft:b": 54} and note["rows"] == 60
    assert note["rows_by_header"] == dict(count_learned(made.spec, world.workspace).terms)


def test_a_header_that_met_no_label_has_no_curve_and_is_not_published(tmp_path) -> None:
    """One golden label among 60 rows, in none of the 2 steps."""
    world = make_world(tmp_path)
    met = {(int(shard), int(row)) for _, refs in islice(batches([ROWS] * 3, 8, 8, 0), 2) for shard, row in refs}
    shard, row = next((s, r) for s in range(3) for r in range(ROWS) if (s, r) not in met)
    for index, name in enumerate(world.shards):
        labels = [1 if (index, place) == (shard, row) else None for place in range(ROWS)]
        _judge(world, name, index * ROWS + np.arange(ROWS), labels)
    started = run(world, stage(world, "untaught", **BOTH, schedule=schedule(max_steps=2)))
    assert "golden" not in started.history and started.history["soft:a"]
    with pytest.raises(DivergedError, match="golden of stage pretrain met no row with a label in 2 steps"):
        started.finish()
