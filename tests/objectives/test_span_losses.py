"""The losses of A2D against a float64 reading of the paper (Hu et al., EMNLP 2018) in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tmkd.objectives.answer_margin import answer_margin
from tmkd.objectives.attention_mse import attention_mse, question_attention
from tmkd.objectives.span_cross_entropy import span_cross_entropy
from tmkd.objectives.span_kl import span_kl

RNG = np.random.default_rng(0)
NONE = [-1, -1]


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max())
    return exp / exp.sum()


def l_ce(start: np.ndarray, end: np.ndarray, k: int, l: int) -> float:  # noqa: E741
    return -np.log(softmax(start)[k]) - np.log(softmax(end)[l])


def l_kd(student: np.ndarray, teacher: np.ndarray, tau: float) -> float:
    """Return lambda L_KD of one pointer with lambda = tau^2, less the entropy of q."""
    q, p = softmax(teacher / tau), softmax(student / tau)
    return tau**2 * (-(q * np.log(p)).sum() + (q * np.log(q)).sum())


def l_ans(start: np.ndarray, end: np.ndarray, golden: list[int], confusing: list[int]) -> float:
    (k, l), (i, j) = golden, confusing  # noqa: E741
    return max(0.0, 1 - start[k] + start[i]) + max(0.0, 1 - end[l] + end[j])


def test_span_cross_entropy_is_that_of_3_1() -> None:
    start, end = RNG.normal(scale=3, size=(2, 5, 9))
    golden = [[0, 0], [2, 4], [8, 8], NONE, [3, 7]]
    expected = [0.0 if g == NONE else l_ce(s, e, *g) for s, e, g in zip(start, end, golden, strict=True)]
    found = span_cross_entropy(torch.tensor(start), torch.tensor(end), torch.tensor(golden))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("tau", [1.0, 2.0, 5.0, 0.5])
def test_span_kl_is_the_distillation_of_2_2_at_any_temperature(tau: float) -> None:
    student, teacher = RNG.normal(scale=4, size=(2, 6, 11))
    expected = [l_kd(s, t, tau) for s, t in zip(student, teacher, strict=True)]
    np.testing.assert_allclose(span_kl(torch.tensor(student), torch.tensor(teacher), tau).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("tau", [1.0, 3.0])
def test_the_gradient_of_span_kl_is_that_of_the_paper_s_cross_entropy(tau: float) -> None:
    teacher = torch.tensor(RNG.normal(size=(4, 7)))
    logits = RNG.normal(size=(4, 7))
    one, other = (torch.tensor(logits, requires_grad=True) for _ in range(2))
    span_kl(one, teacher, tau).sum().backward()
    cross = -(torch.softmax(teacher / tau, -1) * torch.log_softmax(other / tau, -1)).sum()
    (tau**2 * cross).backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_span_kl_is_zero_at_equality_and_tokens_outside_the_context_say_nothing() -> None:
    logits = torch.tensor(RNG.normal(size=(3, 8)))
    assert span_kl(logits, logits.clone(), 2.0).abs().max() < 1e-12
    outside = torch.tensor([True, False, False, True, False, False, False, True])
    student = logits.masked_fill(outside, -torch.inf).requires_grad_()
    teacher = torch.tensor(RNG.normal(size=(3, 8))).masked_fill(outside, -torch.inf)
    inside = span_kl(logits[:, ~outside], teacher[:, ~outside], 2.0)
    loss = span_kl(student, teacher, 2.0)
    torch.testing.assert_close(loss.detach(), inside)
    loss.sum().backward()
    assert student.grad.isfinite().all() and student.grad[:, outside].eq(0).all()


def test_answer_margin_is_that_of_3_2() -> None:
    start, end = RNG.normal(scale=1.5, size=(2, 6, 9))
    golden = [[0, 0], [2, 4], [8, 8], NONE, [3, 7], [1, 2]]
    confusing = [[3, 5], [8, 8], NONE, [1, 1], [0, 1], [4, 4]]
    expected = [
        0.0 if NONE in (g, c) else l_ans(s, e, g, c) for s, e, g, c in zip(start, end, golden, confusing, strict=True)
    ]
    logits = [torch.tensor(part, requires_grad=True) for part in (start, end)]
    loss = answer_margin(*logits, torch.tensor(golden), torch.tensor(confusing))
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-12)
    loss.sum().backward()
    assert logits[0].grad[[2, 3]].eq(0).all() and any(expected)


def test_an_answer_that_stands_clear_of_the_confusing_one_costs_nothing() -> None:
    start = torch.tensor([[5.0, 4.0, 0.0]])
    assert answer_margin(start, start, torch.tensor([[0, 0]]), torch.tensor([[1, 1]])).item() == 0.0
    assert answer_margin(start, start, torch.tensor([[1, 1]]), torch.tensor([[0, 0]])).item() == 4.0


def test_attention_mse_is_that_of_3_3() -> None:
    student, teacher = RNG.dirichlet(np.ones(5), size=(2, 3, 7))  # [2, B, M, N]
    expected = [
        0.5 * sum(np.linalg.norm(d - e) ** 2 for d, e in zip(t, s, strict=True))
        for s, t in zip(student, teacher, strict=True)
    ]
    found = attention_mse(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert attention_mse(torch.tensor(student), torch.tensor(student)).eq(0).all()


def test_question_attention_divides_every_passage_token_among_the_question_s() -> None:
    attention = RNG.dirichlet(np.ones(8), size=(2, 3, 8))  # [B, H, L, L]
    question = np.array([[0, 1, 1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]], bool)
    passage = np.array([[0, 0, 0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0, 0, 0]], bool)
    found = question_attention(torch.tensor(attention), torch.tensor(passage), torch.tensor(question)).numpy()
    for row in range(2):
        q, p = np.flatnonzero(question[row]), np.flatnonzero(passage[row])
        part = attention[row][:, p][:, :, q]  # [H, M, N]
        np.testing.assert_allclose(found[row][np.ix_(p, q)], (part / part.sum(-1, keepdims=True)).mean(0), rtol=1e-12)
        np.testing.assert_allclose(found[row].sum(-1), passage[row].astype(float), rtol=1e-12)
        assert found[row][:, ~question[row]].sum() == 0
