"""Each loss against a float64 reading of its equation in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tmkd.objectives import SOFT_OBJECTIVES, golden_cross_entropy, soft_label_mse

RNG = np.random.default_rng(0)
SHAPES = [(1, 2), (7, 2), (5, 3), (4, 17)]


def eq_2(logits: np.ndarray, label: int) -> float:
    """l_g = - sum over c of c log P(c), c one-hot."""
    exp = np.exp(logits - logits.max())
    probability, one_hot = exp / exp.sum(), np.eye(len(logits))[label]
    return -(one_hot * np.log(probability)).sum()


def eq_4(student: np.ndarray, teacher: np.ndarray) -> float:
    """l_si = 1/|C| sum over c of (R_si(c) - R_ti(c))^2."""
    return sum((student[c] - teacher[c]) ** 2 for c in range(len(student))) / len(student)


@pytest.mark.parametrize("shape", SHAPES)
def test_golden_cross_entropy_is_eq_2(shape) -> None:
    logits, label = RNG.normal(scale=4, size=shape), RNG.integers(0, shape[1], shape[0])
    expected = [eq_2(row, index) for row, index in zip(logits, label, strict=True)]
    exact = golden_cross_entropy(torch.tensor(logits), torch.tensor(label))
    np.testing.assert_allclose(exact.numpy(), expected, rtol=1e-12)
    single = golden_cross_entropy(torch.tensor(logits, dtype=torch.float32), torch.tensor(label))
    np.testing.assert_allclose(single.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_golden_cross_entropy_is_finite_for_certain_and_wrong_answers() -> None:
    loss = golden_cross_entropy(torch.tensor([[200.0, -200.0], [200.0, -200.0]]), torch.tensor([0, 1]))
    assert loss.tolist() == [0.0, 400.0]


def test_a_row_without_golden_label_gives_no_loss_and_no_gradient() -> None:
    logits = torch.tensor(RNG.normal(size=(3, 2)), requires_grad=True)
    loss = golden_cross_entropy(logits, torch.tensor([1, -1, 0]))
    loss.sum().backward()
    assert loss[1] == 0 and logits.grad[1].eq(0).all() and logits.grad[[0, 2]].ne(0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_soft_label_mse_is_eq_4_row_by_row(shape) -> None:
    student, teacher = RNG.normal(scale=4, size=(2, *shape))
    expected = [eq_4(*row) for row in zip(student, teacher, strict=True)]
    exact = soft_label_mse(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(exact.numpy(), expected, rtol=1e-12)
    single = soft_label_mse(*(torch.tensor(part, dtype=torch.float32) for part in (student, teacher)))
    np.testing.assert_allclose(single.numpy(), expected, rtol=1e-4)


def test_soft_label_mse_is_zero_only_where_the_logits_agree() -> None:
    logits = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    assert soft_label_mse(logits, logits).eq(0).all()
    assert soft_label_mse(logits, logits + 0.1).gt(0).all()  # the same probabilities, but not the same logits


@pytest.mark.parametrize("name", sorted(SOFT_OBJECTIVES))
def test_every_listed_soft_objective_gives_a_number_a_row_with_a_gradient(name: str) -> None:
    student = torch.tensor(RNG.normal(size=(6, 3)), requires_grad=True)
    loss = SOFT_OBJECTIVES[name](student, torch.tensor(RNG.normal(size=(6, 3))))
    loss.sum().backward()
    assert loss.shape == (6,) and student.grad.ne(0).any(dim=1).all()
