"""How good a model is while it trains, against a reading of the same numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tiny_stages import NO_GOLDEN, ROWS, engine_config, make_world, stage
from tmkd.objectives.span_targets import SpanTargets
from tmkd.soft_labels.golden import read_golden
from tmkd.training.lessons import judge_spans
from tmkd.training.model import HeadersOf, build
from tmkd.training.rows import MicroBatch
from tmkd.training.validation import Validation
from tmkd.workspace import corpus_folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("validation"), shards=2)


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def test_accuracy_and_cross_entropy_are_those_of_the_averaged_headers_on_judged_rows(world) -> None:
    made = stage(world, "x", validation=world.shards)
    model, tokenizer, _ = build(made.spec, world.workspace)
    model.eval()
    with torch.no_grad():
        for name in model.config.headers:  # opinions that differ from row to row
            model.header_module(name).linear.weight.normal_(std=0.5)
    validation = Validation.of(made.spec, world.workspace, tokenizer, engine_config())
    measured = validation.measure(HeadersOf(model), "cpu")

    right, losses = [], []
    for shard in world.shards:
        table = world.workspace.read_table(f"{corpus_folder('tiny', 'validation')}/{shard}").to_pydict()
        labels = read_golden(world.workspace, "tiny", "validation", shard).labels
        for question, passage, label in zip(table["question"], table["passage"], labels, strict=True):
            if label >= 0:
                batch = tokenizer(question, passage, return_tensors="pt", truncation=True, max_length=24)
                with torch.inference_mode():
                    soft = model(**batch).soft_logits
                probability = np.mean([softmax(logits[0].double().numpy()) for logits in soft], axis=0)
                right.append(probability.argmax() == label)
                losses.append(-np.log(probability[label]))
    assert len(right) == 2 * (ROWS - len(NO_GOLDEN))
    assert measured["accuracy"] == pytest.approx(np.mean(right)) and 0 < np.mean(right) < 1
    assert measured["cross_entropy"] == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_row_without_a_golden_answer_counts_for_nothing() -> None:
    """Its clamped place may be one where no answer may lie: the likelihood is -inf, which no weight of 0 takes away."""
    golden, allowed = torch.tensor([[1, 2], [-1, -1]]), torch.tensor([[False, True, True]] * 2)
    targets = SpanTargets(golden, None, {}, allowed, torch.tensor([1.0, 0.0]))
    logits = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    validation = Validation([MicroBatch({}, targets)], ["golden"], 1, judge_spans)
    found = validation.measure(lambda inputs: {"golden": logits}, "cpu")
    inside = logits[0, 1:].log_softmax(dim=0)
    assert found["cross_entropy"] == pytest.approx(-float(inside[0, 0] + inside[1, 1]), rel=1e-5)


def test_without_a_labelled_split_or_when_switched_off_nothing_is_measured(world) -> None:
    _, tokenizer, _ = build(stage(world, "x").spec, world.workspace)
    assert Validation.of(stage(world, "x").spec, world.workspace, tokenizer, engine_config()) is None
    judged = stage(world, "x", validation=world.shards)
    assert Validation.of(judged.spec, world.workspace, tokenizer, engine_config(validations=0)) is None


def test_where_nothing_is_judged_nothing_is_measured(world) -> None:
    """Not an accuracy of 0."""
    targets = SpanTargets(torch.tensor([[-1, -1]]), None, {}, torch.ones(1, 3).bool(), torch.zeros(1))
    validation = Validation([MicroBatch({}, targets)], ["golden"], 1, judge_spans)
    assert validation.measure(lambda inputs: {"golden": torch.zeros(1, 3, 2)}, "cpu") == {}


def test_unjudged_rows_are_passed_over_until_enough_judged_ones_are_found(world, monkeypatch) -> None:
    monkeypatch.setattr("tmkd.training.validation.MAX_ROWS", 18)  # a shard has 17 judged rows of 20
    made = stage(world, "x", validation=world.shards)
    validation = Validation.of(made.spec, world.workspace, build(made.spec, world.workspace)[1], engine_config())
    assert sum(int((micro.targets.golden >= 0).sum()) for micro in validation.micro_batches) == 18


@pytest.mark.parametrize("times", [1, 3, 4])
@pytest.mark.parametrize("steps", [4, 6, 11, 100, 282])
def test_it_is_measured_as_often_as_asked_evenly_and_at_the_end(steps: int, times: int) -> None:
    validation = Validation([], [], times)
    due = [done for done in range(1, steps + 1) if validation.is_due(done, steps)]
    assert len(due) == times and due[-1] == steps
    gaps = np.diff([0, *due])
    assert gaps.max() - gaps.min() <= 1


def test_a_stage_of_fewer_steps_than_validations_is_measured_after_every_step() -> None:
    assert [Validation([], [], 4).is_due(done, 2) for done in (1, 2)] == [True, True]
