"""Each loss against a float64 reading of its equation in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tmkd.objectives.base import Setting
from tmkd.objectives.golden_cross_entropy import golden_cross_entropy
from tmkd.objectives.margin_mse import margin_mse
from tmkd.objectives.ranknet import ranknet
from tmkd.objectives.registry import OBJECTIVES, SOFT_OBJECTIVES
from tmkd.objectives.soft import SoftObjective
from tmkd.objectives.soft_label_kl import soft_label_kl
from tmkd.objectives.soft_label_mse import soft_label_mse

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


def hinton(student: np.ndarray, teacher: np.ndarray, temperature: float) -> np.ndarray:
    """T^2 KL(q || p) of the probabilities at temperature T, row by row."""
    p, q = (np.exp(logits / temperature) for logits in (student, teacher))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return temperature**2 * (q * np.log(q / p)).sum(1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_soft_label_kl_is_hinton_s(shape, temperature: float) -> None:
    student, teacher = RNG.normal(scale=3, size=(2, *shape))
    expected = hinton(student, teacher, temperature)
    np.testing.assert_allclose(soft_label_kl(*map(torch.tensor, (student, teacher)), temperature), expected, rtol=1e-9)


def test_soft_label_kl_is_zero_where_the_probabilities_agree() -> None:
    logits = torch.tensor(RNG.normal(size=(4, 3)))
    assert soft_label_kl(logits, logits).eq(0).all()
    assert soft_label_kl(logits, logits + 3).abs().max() < 1e-12


QUESTION = np.array([7, 2, 7, 7, 5, 2])  # 5 has one candidate
WEIGHT = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])


def over_rivals(pair_loss) -> list[float]:
    """Mean over a row's rivals that count, candidate by candidate."""
    rows = range(len(QUESTION))
    each = [[pair_loss(i, j) for j in rows if j != i and QUESTION[j] == QUESTION[i] and WEIGHT[j]] for i in rows]
    return [sum(losses) / len(losses) if losses else 0.0 for losses in each]


def of_candidates(loss, student, teacher):
    return loss(*map(torch.tensor, (student, teacher, QUESTION, WEIGHT))).numpy()


def margins(s, t) -> list[float]:
    """Hofstätter's squared error of score differences."""
    return over_rivals(lambda i, j: ((s[i] - s[j]) - (t[i] - t[j])) ** 2)


def orders(s, t) -> list[float]:
    """Burges' Eq. (3) less the teacher's entropy."""

    def eq_3(i: int, j: int) -> float:
        p, q = (1 / (1 + np.exp(-(x[i] - x[j]))) for x in (s, t))
        entropy = -(q * np.log(q) + (1 - q) * np.log(1 - q))
        return -q * np.log(p) - (1 - q) * np.log(1 - p) - entropy

    return over_rivals(eq_3)


def test_margin_mse_compares_the_candidates_of_a_question() -> None:
    s, t = RNG.normal(scale=3, size=(2, 6))
    expected = margins(s, t)
    np.testing.assert_allclose(of_candidates(margin_mse, s, t), expected, rtol=1e-12)
    assert expected[4] == 0 and of_candidates(margin_mse, t + QUESTION, t).max() < 1e-12  # a question's level is free


def test_ranknet_is_burges_eq_3_less_the_teacher_s_entropy() -> None:
    s, t = RNG.normal(scale=3, size=(2, 6))
    np.testing.assert_allclose(of_candidates(ranknet, s, t), orders(s, t), rtol=1e-9)
    assert np.abs(of_candidates(ranknet, t + QUESTION, t)).max() < 1e-12


def test_ranknet_is_finite_for_certain_and_wrong_orders() -> None:
    scores = torch.tensor([500.0, -500.0], requires_grad=True)
    loss = ranknet(scores, -scores.detach(), torch.zeros(2).long(), torch.ones(2))
    loss.sum().backward()
    assert loss.tolist() == [1000.0, 1000.0] and scores.grad.isfinite().all()


def soft_rows(name: str, *arrays: torch.Tensor) -> torch.Tensor:
    """Return the loss of each row by the objective of that name, at temperature 2 where it has one."""
    kind = OBJECTIVES[name]
    made = kind.model_validate({"temperature": 2.0} if "temperature" in kind.model_fields else {}).build(Setting())
    assert isinstance(made, SoftObjective)
    return made.rows(*arrays)


@pytest.mark.parametrize("name", sorted(SOFT_OBJECTIVES))
def test_every_listed_soft_objective_gives_a_number_a_row_with_a_gradient(name: str) -> None:
    student, teacher = (torch.tensor(RNG.normal(size=(6, 2))) for _ in range(2))
    student.requires_grad_()
    loss = soft_rows(name, student, teacher, torch.arange(6) // 2, torch.ones(6).double())
    loss.sum().backward()
    assert loss.shape == (6,) and loss.gt(0).all() and student.grad.ne(0).any(dim=1).all()
    same = soft_rows(name, teacher, teacher, torch.arange(6) // 2, torch.ones(6).double())
    assert same.abs().max() < 1e-12


def log_odds(logits: np.ndarray) -> np.ndarray:
    """What two classes are ranked by: log P(1) / P(0)."""
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return np.log(probability[:, 1] / probability[:, 0])


READINGS = {
    "mse": lambda student, teacher: [eq_4(*row) for row in zip(student, teacher, strict=True)],
    "kl": lambda student, teacher: hinton(student, teacher, 2.0),
    "margin_mse": lambda student, teacher: margins(log_odds(student), log_odds(teacher)),
    "ranknet": lambda student, teacher: orders(log_odds(student), log_odds(teacher)),
}


@pytest.mark.parametrize("name", sorted(SOFT_OBJECTIVES))
def test_every_listed_soft_objective_is_its_equation_on_class_logits(name: str) -> None:
    student, teacher = np.random.default_rng(1).normal(scale=2, size=(2, 6, 2))
    found = soft_rows(name, *map(torch.tensor, (student, teacher, QUESTION, WEIGHT)))
    np.testing.assert_allclose(found.numpy(), READINGS[name](student, teacher), rtol=1e-9)
