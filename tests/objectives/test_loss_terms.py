"""From rows to one number: l_s of Eq. (4), Eq. (5), and rows that only fill up a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tmkd.objectives.base import ObjectiveConfig, Setting
from tmkd.objectives.compose import Objectives, combine, learned_labels, learned_terms, learns_headers
from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.soft_label_kl import KlConfig, soft_label_kl
from tmkd.objectives.soft_label_mse import MseConfig
from tmkd.objectives.targets import Targets
from tmkd.tasks.signals import CLASS_LOGITS

RNG = np.random.default_rng(0)
HEADERS = ("golden", "soft:a", "soft:b", "soft:c")
LOGITS = {name: RNG.normal(size=(6, 3)) for name in HEADERS}
TEACHERS = {name: RNG.normal(size=(6, 3)) for name in HEADERS[1:]}
LABELS = np.array([0, 2, 1, 1, 0, 2])


def weighted_terms(logits, targets, header_weights=None):
    """Return the terms of golden labels, where the targets have them, and of the squared error on soft ones."""
    golden = [CrossEntropyConfig()] if targets.golden is not None else []
    objectives = Objectives([*golden, MseConfig()], Setting(header_weights=header_weights or {}))
    return objectives({CLASS_LOGITS: logits}, targets)


def terms_of(rows=slice(None), weight=None, golden=LABELS, logits=LOGITS):
    weight = np.ones(6) if weight is None else np.asarray(weight)
    targets = Targets(
        golden=None if golden is None else torch.tensor(golden[rows]),
        soft={name: torch.tensor(value[rows]) for name, value in TEACHERS.items()},
        weight=torch.tensor(weight[rows]),
    )
    return weighted_terms({name: torch.tensor(value[rows]) for name, value in logits.items()}, targets)


def l_g(rows) -> float:
    """Sum over ``rows`` of Eq. (2)."""
    logits = LOGITS["golden"]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -sum(log_p[row, LABELS[row]] for row in rows)


def l_si(name: str, rows) -> float:
    """Sum over ``rows`` of the first line of Eq. (4)."""
    return sum(((LOGITS[name][row] - TEACHERS[name][row]) ** 2).mean() for row in rows)


def test_soft_is_the_mean_over_headers_of_eq_4_and_each_header_is_named() -> None:
    terms = terms_of()
    assert set(terms) == {*HEADERS, "soft"}
    each = [l_si(name, range(6)) for name in TEACHERS]
    for name, value in zip(TEACHERS, each, strict=True):
        assert terms[name].item() == pytest.approx(value, rel=1e-12)
    assert terms["soft"].item() == pytest.approx(sum(each) / 3, rel=1e-12)
    assert terms["golden"].item() == pytest.approx(l_g(range(6)), rel=1e-12)


def test_headers_may_weigh_differently() -> None:
    targets = Targets(None, {name: torch.tensor(value) for name, value in TEACHERS.items()}, torch.ones(6))
    logits = {name: torch.tensor(value) for name, value in LOGITS.items()}
    terms = weighted_terms(logits, targets, {"soft:a": 3.0, "soft:c": 0.0})
    expected = (3 * l_si("soft:a", range(6)) + l_si("soft:b", range(6))) / 4
    assert terms["soft"].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.9, 1.0])
def test_combined_with_alpha_it_is_eq_5(alpha: float) -> None:
    loss = combine(terms_of(), {"golden": 1 - alpha, "soft": alpha})
    expected = (1 - alpha) * l_g(range(6)) + alpha * sum(l_si(name, range(6)) for name in TEACHERS) / 3
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_rows_of_weight_0_contribute_nothing_whatever_they_hold() -> None:
    logits = {name: value.copy() for name, value in LOGITS.items()}
    for value in logits.values():
        value[[1, 4]] = 1e3
    terms = terms_of(weight=[1, 0, 1, 1, 0, 1], logits=logits)
    kept = [0, 2, 3, 5]
    assert terms["golden"].item() == pytest.approx(l_g(kept), rel=1e-12)
    assert terms["soft:b"].item() == pytest.approx(l_si("soft:b", kept), rel=1e-12)


def test_rows_without_golden_label_add_to_the_soft_terms_only() -> None:
    golden = LABELS.copy()
    golden[[0, 5]] = -1
    terms = terms_of(golden=golden)
    assert terms["golden"].item() == pytest.approx(l_g([1, 2, 3, 4]), rel=1e-12)
    assert terms["soft:a"].item() == pytest.approx(l_si("soft:a", range(6)), rel=1e-12)


def test_every_term_sums_over_the_rows_that_have_its_label() -> None:
    rows = {"golden": [0, 1, 4], "soft:a": [1, 2, 3, 4, 5], "soft:b": [], "soft:c": range(6)}
    weights = {term: torch.tensor(np.isin(np.arange(6), list(some)).astype(float)) for term, some in rows.items()}
    soft = {name: torch.tensor(value) for name, value in TEACHERS.items()}
    targets = Targets(torch.tensor(LABELS), soft, torch.ones(6), weights=weights)
    terms = weighted_terms({name: torch.tensor(value) for name, value in LOGITS.items()}, targets)
    assert terms["golden"].item() == pytest.approx(l_g(rows["golden"]), rel=1e-12)
    each = [l_si(name, rows[name]) for name in TEACHERS]
    assert [terms[name].item() for name in TEACHERS] == pytest.approx(each, rel=1e-12)
    halved = weighted_terms({n: torch.tensor(v) for n, v in LOGITS.items()}, targets.scaled({"soft:a": 0.5}))
    assert halved["soft"].item() == pytest.approx((each[0] / 2 + each[2]) / 3, rel=1e-12)


def test_terms_of_micro_batches_add_up_to_those_of_the_batch() -> None:
    parts = [terms_of(slice(start, stop)) for start, stop in ((0, 1), (1, 4), (4, 6))]
    for name, whole in terms_of().items():
        assert sum(part[name] for part in parts).item() == pytest.approx(whole.item(), rel=1e-12)


def test_a_stage_without_golden_labels_has_no_golden_term() -> None:
    assert "golden" not in terms_of(golden=None)


def test_soft_labels_for_the_golden_header_are_a_soft_term() -> None:
    """A teacher that is warmed up has one header, which learns other teachers' soft labels first."""
    teacher = torch.tensor(TEACHERS["soft:a"])
    targets = Targets(golden=None, soft={"golden": teacher}, weight=torch.ones(6))
    terms = weighted_terms({"golden": torch.tensor(LOGITS["soft:a"])}, targets)
    assert set(terms) == {"soft:golden", "soft"}
    assert terms["soft"].item() == pytest.approx(l_si("soft:a", range(6)), rel=1e-12)


def both(*configs: ObjectiveConfig):
    """Return the terms of several objectives on soft labels, and their objectives."""
    made = Objectives(configs, Setting())
    soft = {name: torch.tensor(value) for name, value in TEACHERS.items()}
    logits = {name: torch.tensor(value) for name, value in LOGITS.items()}
    return made({CLASS_LOGITS: logits}, Targets(None, soft, torch.ones(6))), made


def test_a_second_objective_on_the_same_headers_has_terms_of_its_own_name() -> None:
    terms, made = both(MseConfig(weight=0.25), KlConfig(weight=0.5, temperature=2.0))
    assert set(terms) == {*TEACHERS, "soft", "kl", "kl:a", "kl:b", "kl:c"}
    wanted = soft_label_kl(torch.tensor(LOGITS["soft:b"]), torch.tensor(TEACHERS["soft:b"]), 2.0).sum()
    assert terms["kl:b"].item() == pytest.approx(wanted.item(), rel=1e-12)
    assert terms["soft:b"].item() == pytest.approx(l_si("soft:b", range(6)), rel=1e-12)
    assert made.weights == {"soft": 0.25, "kl": 0.5}
    loss = combine(terms, made.weights)
    assert loss.item() == pytest.approx((0.25 * terms["soft"] + 0.5 * terms["kl"]).item(), rel=1e-12)


def test_every_term_names_the_labels_that_it_learns_from() -> None:
    listed = [CrossEntropyConfig(), MseConfig(), KlConfig()]
    assert learned_terms(listed, ["soft:a", "soft:b"]) == {
        "golden": ["golden"], "soft:a": ["soft:a"], "soft:b": ["soft:b"], "soft": ["soft:a", "soft:b"],
        "kl:a": ["soft:a"], "kl:b": ["soft:b"], "kl": ["soft:a", "soft:b"],
    }  # fmt: skip
    assert learned_labels(listed, ["soft:a"]) == {"golden", "soft:a"}
    assert learns_headers(listed) and not learns_headers(listed[:1])


def test_objectives_of_today_own_no_parameters() -> None:
    assert not both(MseConfig(), KlConfig())[1].owns_parameters
