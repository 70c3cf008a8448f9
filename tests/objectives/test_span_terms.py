"""The joint objective of A2D against a float64 reading of it."""

import dataclasses

import numpy as np
import pytest
import torch

from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.attention_mse import AttentionMseConfig
from tmkd.objectives.base import Setting
from tmkd.objectives.compose import Objectives
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.objectives.span_targets import SpanTargets
from tmkd.tasks.signals import ATTENTION_MAPS, LAST, SPAN_LOGITS

ROWS, LENGTH, TAU = 3, 9, 2.0
WEIGHT = np.array([1.0, 1.0, 0.0])
GOLDEN = np.array([[3, 4], [-1, -1], [5, 5]])
CONFUSING = np.array([[6, 7], [3, 3], [4, 4]])


def span_terms(logits, targets: SpanTargets, temperature: float, attention=None):
    """Return the terms of all that the targets have a label for."""
    listed = [
        *([SpanCrossEntropyConfig()] if targets.golden is not None else []),
        *([SpanKlConfig(temperature=temperature)] if targets.soft else []),
        *([AnswerMarginConfig()] if targets.confusing is not None else []),
        *([AttentionMseConfig()] if targets.attention is not None else []),
    ]
    looks = {} if attention is None else {ATTENTION_MAPS: {LAST: attention}}
    return Objectives(listed, Setting())({SPAN_LOGITS: logits, **looks}, targets)


def numbers(seed: int):
    rng = np.random.default_rng(seed)
    logits = {name: rng.normal(size=(ROWS, LENGTH, 2)) * 2 for name in ("golden", "soft:a", "soft:b")}
    allowed = np.zeros((ROWS, LENGTH), bool)
    allowed[:, 2:8] = True
    soft = {name: np.where(allowed[..., None], rng.normal(size=(ROWS, LENGTH, 2)), -np.inf) for name in logits}
    del soft["golden"]
    return logits, allowed, soft


def softmax(values: np.ndarray) -> np.ndarray:
    values = np.exp(values - values.max())
    return values / values.sum()


def expected(logits, allowed, soft) -> dict[str, float]:
    terms = {"golden": 0.0, "answer": 0.0, "soft:a": 0.0, "soft:b": 0.0}
    for row in np.flatnonzero(WEIGHT):
        inside = np.flatnonzero(allowed[row])
        for side in (0, 1):
            raw = logits["golden"][row, :, side]
            if GOLDEN[row, side] >= 0:
                place = list(inside).index(GOLDEN[row, side])
                terms["golden"] -= np.log(softmax(raw[inside])[place])
                terms["answer"] += max(0.0, 1 - raw[GOLDEN[row, side]] + raw[CONFUSING[row, side]])
            for name in ("soft:a", "soft:b"):
                p, q = softmax(logits[name][row, inside, side] / TAU), softmax(soft[name][row, inside, side] / TAU)
                terms[name] += TAU**2 * float((q * np.log(q / p)).sum())
    return {**terms, "soft": (terms["soft:a"] + terms["soft:b"]) / 2}


def tensors(logits, allowed, soft, dtype) -> tuple[dict, SpanTargets]:
    targets = SpanTargets(
        torch.tensor(GOLDEN), torch.tensor(CONFUSING), {k: torch.tensor(v, dtype=dtype) for k, v in soft.items()},
        torch.tensor(allowed), torch.tensor(WEIGHT, dtype=dtype),
    )  # fmt: skip
    return {k: torch.tensor(v, dtype=dtype, requires_grad=True) for k, v in logits.items()}, targets


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_terms_are_those_of_the_paper(dtype, tolerance: float) -> None:
    found = span_terms(*tensors(*numbers(0), dtype), TAU)
    wanted = expected(*numbers(0))
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert float(found[name]) == pytest.approx(value, rel=tolerance), name


def attention_numbers():
    rng = np.random.default_rng(7)
    attention = rng.dirichlet(np.ones(LENGTH), size=(ROWS, 2, LENGTH))  # [B, H, L, L]
    context, question = np.zeros((ROWS, LENGTH), bool), np.zeros((ROWS, LENGTH), bool)
    for row, (asked, stop) in enumerate(((2, 8), (3, 7), (1, 5))):
        question[row, 1 : 1 + asked], context[row, 2 + asked : stop] = True, True
    among = rng.uniform(size=(ROWS, LENGTH, LENGTH)) * context[:, :, None] * question[:, None, :]
    return attention, context, question, among / np.maximum(among.sum(axis=2, keepdims=True), 1e-9)


def test_attention_is_that_of_the_paper() -> None:
    attention, context, question, readers = attention_numbers()
    logits, targets = tensors(*numbers(4), torch.float64)
    masks = {"context": torch.tensor(context), "question": torch.tensor(question)}
    targets = dataclasses.replace(targets, **masks, attention=torch.tensor(readers))
    found = span_terms(logits, targets, TAU, torch.tensor(attention))["attention"]
    wanted = 0.0
    for row in np.flatnonzero(WEIGHT):
        for token in np.flatnonzero(context[row]):  # E_j over the question, renormalised in each head, mean over heads
            heads = attention[row, :, token][:, question[row]]
            mine = (heads / heads.sum(axis=1, keepdims=True)).mean(axis=0)
            wanted += ((readers[row, token, question[row]] - mine) ** 2).sum() / 2
    assert float(found) == pytest.approx(wanted, rel=1e-6)


def test_only_what_is_asked_for_is_a_term() -> None:
    logits, targets = tensors(*numbers(1), torch.float64)
    bare = SpanTargets(targets.golden, None, {}, targets.allowed, targets.weight)
    assert span_terms(logits, bare, 1.0).keys() == {"golden"}
    taught = SpanTargets(None, None, {"soft:a": targets.soft["soft:a"]}, targets.allowed, targets.weight)
    assert span_terms(logits, taught, 1.0).keys() == {"soft:a", "soft"}


def test_gradients_are_finite_and_stay_inside_the_window() -> None:
    logits, targets = tensors(*numbers(2), torch.float32)
    sum(span_terms(logits, targets, TAU).values()).backward()
    for value in logits.values():
        assert torch.isfinite(value.grad).all()
        assert float(value.grad[:, [0, 1, 8]].abs().max()) == 0
        assert float(value.grad[2].abs().max()) == 0  # a row of weight 0


def test_a_row_that_allows_nothing_does_no_harm() -> None:
    logits, targets = tensors(*numbers(3), torch.float32)
    targets.allowed[2] = False
    total = sum(span_terms(logits, targets, TAU).values())
    total.backward()
    assert torch.isfinite(total) and all(torch.isfinite(value.grad).all() for value in logits.values())
