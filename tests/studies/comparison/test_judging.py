"""Which rows the paper's claims speak of; figures, examples and p values against small cases by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tmkd.evaluation.claims import CLAIMS
from tmkd.evaluation.comparison import Comparison, Judged
from tmkd.recipe.files import load
from tmkd.steps.pair_split import Split
from tmkd.studies.comparison.cells import cells, usual_cell
from tmkd.studies.comparison.judging import (
    _agreement,
    _figures,
    _pairs,
    _regressions,
    _scored_with_every_seed,
    of_claims,
)

GRIDS = "[{regimes: [tmkd, 1-o-1], students: [encoder, bi_lstm]}, {layers: [1, 3]}, {alphas: [0.3, 0.9]}]"
CLAIMED = {side for claim in CLAIMS for side in (claim.better, claim.worse)}


@pytest.mark.parametrize(
    ("usual", "expected"),
    [
        (
            "encoder",
            {
                "tmkd": "tmkd", "1-o-1": "1-o-1", "tmkd · bi-lstm": "tmkd · bi-lstm",
                "1-o-1 · bi-lstm": "1-o-1 · bi-lstm", "tmkd · 1 layer": "tmkd · 1 layer", "tmkd · 3 layers": "tmkd",
                "tmkd · α 0.3": "tmkd · α 0.3", "tmkd · α 0.9": "tmkd",
            },
        ),
        (
            "bi_lstm",
            {
                "tmkd": "tmkd · encoder", "1-o-1": "1-o-1 · encoder", "tmkd · bi-lstm": "tmkd",
                "1-o-1 · bi-lstm": "1-o-1", "tmkd · 3 layers": "tmkd · encoder", "tmkd · α 0.9": "tmkd · encoder",
            },
        ),
    ],
)  # fmt: skip
def test_claims_find_their_rows_whatever_student_is_usual(usual: str, expected: dict[str, str]) -> None:
    recipe = load("docs", {"compare.grids": GRIDS, "student.kind": usual})
    found = of_claims({cell.name(usual_cell(recipe)): cell for cell in cells(recipe)}, usual_cell(recipe))
    assert {claimed: name for claimed, name in found.items() if claimed in CLAIMED} == expected


def test_claims_find_the_usual_depth_and_weight_whatever_they_are():
    asked = {
        "compare.grids": "[{layers: [1, 3]}, {alphas: [0.3, 0.9]}]",
        "student.layers": "1",
        "finetune.alpha": "0.3",
    }
    recipe = load("docs", asked)
    found = of_claims({cell.name(usual_cell(recipe)): cell for cell in cells(recipe)}, usual_cell(recipe))
    assert {claimed: name for claimed, name in found.items() if claimed in CLAIMED} == {
        "tmkd": "tmkd", "tmkd · 1 layer": "tmkd", "tmkd · 3 layers": "tmkd · 3 layers",
        "tmkd · α 0.3": "tmkd", "tmkd · α 0.9": "tmkd · α 0.9",
    }  # fmt: skip


def test_the_whole_grid_has_the_two_rows_of_every_claim():
    recipe = load("docs_grid", {})
    asked = {cell.name(usual_cell(recipe)): cell for cell in cells(recipe)}
    found = of_claims(asked, usual_cell(recipe))
    missing = CLAIMED - found.keys()
    assert not missing and set(found.values()) <= asked.keys()
    assert all(found[claim.better] != found[claim.worse] for claim in CLAIMS)
    assert [asked[found[f"tmkd · {name}"]].layers for name in ("1 layer", "3 layers", "5 layers")] == [1, 3, 5]
    assert [asked[found[f"tmkd · α {alpha}"]].alpha for alpha in ("0.3", "0.7", "0.9", "1")] == [0.3, 0.7, 0.9, 1.0]
    assert all(asked[found[name]].regime == name.split(" · ")[0] for name in CLAIMED)


def test_p_values_of_any_two_rows_are_corrected_after_holm_over_all_of_them():
    """Alone, each step would be shown: six questions that all fall alike have p 2^-5."""
    right = np.ones((3, 1, 1000))
    right[1, 0, :6], right[2, 0, :12] = 0, 0
    models = {name: Judged(scores) for name, scores in zip(("golden", "tkd", "tmkd"), right[::-1], strict=True)}
    comparison = Comparison(models, np.arange(1000).astype(str), 10_000)
    found = {(pair.better, pair.worse): pair for pair in _pairs(comparison, list(models))}
    both, one, other = ("tmkd", "golden"), ("tmkd", "tkd"), ("tkd", "golden")
    raw = {names: pair.difference.p for names, pair in found.items()}
    assert raw.keys() == {both, one, other} and raw[both] < 0.002
    assert (raw[one], raw[other]) == pytest.approx((2**-5, 2**-5))
    corrected = {both: 3 * raw[both], one: 2 * raw[one], other: 2 * raw[other]}
    assert {names: pair.p for names, pair in found.items()} == pytest.approx(corrected)


def yes(*probabilities):
    """Return the probabilities of both classes from those of the second one."""
    return np.stack([1 - np.array(probabilities), probabilities], axis=1)


def split(labels, question_ids=None, teachers=None):
    rows = np.arange(len(labels))
    question_ids = [f"q{row}" for row in rows] if question_ids is None else question_ids
    return Split(
        rows, np.array(question_ids, dtype=object), np.array(labels), np.full(len(labels), np.nan, np.float32),
        teachers or {}, np.ones(len(labels), bool), [1.0] * len(teachers or {}),
        [(f"question {row}", f"passage {row}") for row in rows],
    )  # fmt: skip


def test_figures_are_means_over_seeds_on_the_judged_rows():
    judged = split([-1, 1, 0, 0, 1], ["q1", "q0", "q0", "q1", "q1"])
    first, second = yes(0.5, 0.9, 0.25, 0.65, 0.7), yes(0.5, 0.45, 0.3, 0.9, 0.65)
    expected = {
        "accuracy": (3 / 4 + 2 / 4) / 2,
        "auc": (4 / 4 + 2 / 4) / 2,  # pairs of a right and a wrong candidate in their order, whatever their question
        "map": (1 + (1 + 1 / 2) / 2) / 2,
        "ece": ((0.1 + 0.25 + 0.65 + 0.3) / 4 + (0.55 + 0.3 + 0.9 + 0.35) / 4) / 2,  # no two rows share a bin
    }
    assert _figures(judged, [first, second]) == pytest.approx(expected)


def test_a_row_that_a_later_seed_s_teacher_could_not_score_counts_for_no_model():
    one, two = (
        split([1, 0, 1], teachers={"a": yes(0.9, 0.2, 0.8)}),
        split([1, 0, 1], teachers={"a": yes(0.9, 0.2, 0.8)}),
    )
    two.scored[0], two.teachers["a"][0] = False, np.nan
    first = _scored_with_every_seed({0: one, 1: two})
    assert first.labels.tolist() == [-1, 0, 1] and one.labels.tolist() == [1, 0, 1]
    assert _figures(first, [one.teachers["a"], two.teachers["a"]])["accuracy"] == 1.0


def test_figures_that_mean_nothing_are_none():
    found = _figures(split([1, 1, 1]), [yes(0.9, 0.9, 0.4)])  # a candidate a question, and none that is wrong
    assert (found["accuracy"], found["auc"], found["map"]) == (pytest.approx(2 / 3), None, None)


def test_regressions_are_what_the_ensemble_has_right_and_the_student_wrong_the_widest_gap_first():
    labels = [-1, 1, 0, 0, 1, 0]  # then: lost, both right, lost by more, both wrong, right where the ensemble is not
    student, ensemble = yes(0.1, 0.40, 0.2, 0.55, 0.1, 0.4), yes(0.9, 0.80, 0.1, 0.01, 0.3, 0.6)
    found = _regressions(split(labels), student, ensemble, ["no", "yes"])
    assert [(each.question, each.passage, each.label) for each in found] == [
        ("question 3", "passage 3", "no"), ("question 1", "passage 1", "yes"),
    ]  # fmt: skip
    assert [each.student for each in found] == pytest.approx([0.45, 0.40])
    assert [each.ensemble for each in found] == pytest.approx([0.99, 0.80])


def test_the_ten_worst_regressions_are_shown():
    student = yes(*np.linspace(0.45, 0.01, 12))
    found = _regressions(split([1] * 12), student, yes(*[0.9] * 12), ["no", "yes"])
    assert [each.question for each in found] == [f"question {row}" for row in range(11, 1, -1)]


def test_agreement_is_the_share_of_rows_on_which_two_teachers_decide_alike():
    teachers = {"a": yes(0.9, 0.8, 0.1, 0.2), "b": yes(0.6, 0.4, 0.1, 0.4), "c": yes(0.4, 0.1, 0.9, 0.3)}
    assert _agreement(split([1, 1, 0, -1], teachers=teachers)) == {
        "a": {"a": 1.0, "b": 0.75, "c": 0.25},
        "b": {"a": 0.75, "b": 1.0, "c": 0.5},
        "c": {"a": 0.25, "b": 0.5, "c": 1.0},
    }
