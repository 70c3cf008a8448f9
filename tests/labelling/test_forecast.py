"""The plan: one shard scored tells what the rest takes."""

import pytest

from tmkd.labelling.forecast import forecast
from tmkd.teachers.config import TeacherConfig


def plan(bench, actors: int | None = None, price: float | None = None):
    config = TeacherConfig(model=str(bench.model), max_length=32, precision="fp32", batch_tokens=64)
    return forecast(bench.workspace, bench.corpus, ["train", "dev"], {"t": config}, bench.model, actors, price)


def test_a_plan_labels_one_shard_and_reckons_the_rest(bench, labelled) -> None:
    found = plan(bench, actors=4, price=2.5)
    assert (found.teachers, found.shards, found.pairs, found.actors) == (["t"], 9, 540, 4)
    assert bench.published() == 1
    files = bench.labels()
    size = sum(len(data) for name, data in files.items() if "part-00000" in name)
    assert found.bytes == round(size * 540 / 60)
    assert found.pairs_per_second > 0 and found.start_seconds > 0
    expected = (found.start_seconds + 540 / (found.pairs_per_second * 4)) / 3600
    assert found.hours == pytest.approx(expected) and found.cost == pytest.approx(expected * 4 * 2.5)
    report = bench.label()
    assert (report.shards_done, report.shards_skipped) == (9, 1)  # what the plan scored is not scored again
    assert bench.labels() == labelled.labels()


def test_no_more_actors_are_reckoned_with_than_shards(bench) -> None:
    found = plan(bench, actors=400)
    assert found.actors == found.shards == 9


def test_nothing_left_costs_nothing(labelled) -> None:
    found = plan(labelled, price=1.0)
    assert (found.shards, found.pairs, found.bytes, found.hours, found.cost) == (0, 0, 0, 0.0, 0.0)
