"""The terms of either task's loss as a stage sets them, against a float64 reading of its equations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tiny_stages import make_world, signal, stage
from tmkd.objectives.span_targets import SpanTargets
from tmkd.objectives.targets import Targets
from tmkd.tasks.signals import CLASS_LOGITS, SPAN_LOGITS
from tmkd.training.learner import learner
from tmkd.training.model import build
from tmkd.training.stage_parts import Reading

ROWS, WEIGHT = 4, np.array([1.0, 1.0, 0.0, 1.0])
SOFT = ("soft:a", "soft:b")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("lessons"), shards=1)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


def hinton(student, teacher, temperature):
    """T^2 KL(q || p), row by row."""
    p, q = softmax(student / temperature), softmax(teacher / temperature)
    return temperature**2 * (q * np.log(q / p)).sum(-1)


def tensors(values):
    return {name: torch.tensor(value) for name, value in values.items()}


def terms_of(world, made, logits, targets):
    """Return the terms of a stage's own objectives."""
    model, _, _ = build(stage(world, "x").spec, world.workspace)
    name = SPAN_LOGITS if made.spec.reading else CLASS_LOGITS
    return learner(made.spec, model).objectives({name: tensors(logits)}, targets)


def check(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9), name


def pair_numbers():
    """Return the logits of all headers and of both teachers."""
    student, teacher = np.random.default_rng(0).normal(scale=2, size=(2, 3, ROWS, 2))
    return dict(zip(("golden", *SOFT), student, strict=True)), dict(zip(SOFT, teacher[1:], strict=True))


def test_pairs_are_taught_at_the_stage_s_temperature_and_headers_weigh_what_their_signals_do(world):
    logits, teachers = pair_numbers()
    signals = {"soft:a": dataclasses.replace(signal("a"), weight=3.0), "soft:b": signal("b")}
    made = stage(world, "x", soft_objective="kl", temperature=3.0, golden=True, signals=signals)
    labels = np.array([1, 0, 1, -1])
    targets = Targets(torch.tensor(labels), tensors(teachers), torch.tensor(WEIGHT))
    a, b = ((hinton(logits[name], teachers[name], 3.0) * WEIGHT).sum() for name in SOFT)
    golden = -sum(np.log(softmax(logits["golden"])[row, labels[row]]) for row in (0, 1))
    expected = {"golden": golden, "soft:a": a, "soft:b": b, "soft": (3 * a + b) / 4}
    check(terms_of(world, made, logits, targets), expected)


def test_pairs_are_compared_with_the_candidates_of_their_own_question(world):
    logits, teachers = pair_numbers()
    question = np.array([5, 8, 5, 5])  # row 2 counts for nothing, so rows 0 and 3 have each other
    made = stage(world, "x", soft_objective="margin_mse", signals={"soft:a": signal("a")})
    soft = {"soft:a": torch.tensor(teachers["soft:a"])}
    targets = Targets(None, soft, torch.tensor(WEIGHT), torch.tensor(question))
    s, t = (np.diff(values["soft:a"])[:, 0] for values in (logits, teachers))
    expected = 2 * ((s[0] - s[3]) - (t[0] - t[3])) ** 2
    check(terms_of(world, made, logits, targets), {"soft:a": expected, "soft": expected})


def test_spans_are_taught_at_the_temperature_of_their_reading(world):
    rng, length = np.random.default_rng(0), 7
    logits = {name: rng.normal(size=(ROWS, length, 2)) * 2 for name in ("golden", *SOFT)}
    allowed = np.zeros((ROWS, length), bool)
    allowed[:, 2:6] = True
    soft = {name: np.where(allowed[..., None], rng.normal(size=(ROWS, length, 2)) * 2, -np.inf) for name in SOFT}
    golden = np.array([[2, 3], [5, 5], [3, 4], [-1, -1]])
    targets = SpanTargets(torch.tensor(golden), None, tensors(soft), torch.tensor(allowed), torch.tensor(WEIGHT))
    inside = {name: value[:, 2:6].swapaxes(1, 2) for name, value in logits.items()}  # [B, 2, 4]
    a, b = ((hinton(inside[name], soft[name][:, 2:6].swapaxes(1, 2), 2.5).sum(axis=1) * WEIGHT).sum() for name in SOFT)
    likely = np.log(softmax(inside["golden"]))
    answers = -sum(likely[row, side, golden[row, side] - 2] for row in (0, 1) for side in (0, 1))
    made = stage(world, "x", golden=True, reading=Reading(temperature=2.5))
    expected = {"golden": answers, "soft:a": a, "soft:b": b, "soft": (a + b) / 2}
    check(terms_of(world, made, logits, targets), expected)
