"""Grids to cells, and cells to recipes that say what the paper's regimes are."""

from __future__ import annotations

import pytest

from tmkd.errors import UserError
from tmkd.recipe.compare import COMPARED, CompareRecipe
from tmkd.recipe.files import load
from tmkd.recipe.recipe import Recipe
from tmkd.studies.comparison.cells import Cell, cell_recipes, cells, teachers_of_seed, usual_cell


def recipe(**overrides: str) -> Recipe:
    asked = {"compare.grids": f"[{{regimes: {list(COMPARED)}}}]"}
    return load("docs", asked | {name.replace("__", "."): value for name, value in overrides.items()})


def named(found: Recipe) -> dict[str, Cell]:
    return {cell.name(usual_cell(found)): cell for cell in cells(found)}


def test_without_a_grid_the_eight_regimes_are_compared():
    assert CompareRecipe().grids == recipe().compare.grids
    assert set(named(recipe())) == {"golden", "1-o-1", "1avg-o-1", "mkd", "tkd", "tkd_avg", "tmkd", "m-o-m"}


def test_a_cell_that_several_grids_ask_for_is_trained_once():
    found = named(recipe(compare__grids="[{regimes: [golden, tmkd]}, {layers: [1, 3]}, {alphas: [0.9, 0.3]}]"))
    assert list(found) == ["golden", "tmkd", "tmkd · 1 layer", "tmkd · α 0.3"]


def test_what_makes_no_difference_makes_no_cell():
    found = named(recipe(compare__grids="[{regimes: [golden, mkd], alphas: [0.3, 0.9], unlabeled_rows: [2000, 4000]}]"))
    assert list(found) == ["golden", "mkd · α 0.3", "mkd"]


def test_stages_keep_objectives_of_their_own_unless_a_grid_names_one():
    own = {"pretrain__objective": "mse", "finetune__objective": "kl", "finetune__temperature": "3"}
    asked = recipe(compare__grids="[{regimes: [tmkd]}, {objectives: [kl, mse]}]", **own)
    cells_of = named(asked)
    assert list(cells_of) == ["tmkd", "tmkd · kl", "tmkd · mse"]
    found = {name: cell_recipes(asked, cell, 0)[0] for name, cell in cells_of.items()}
    stages = {name: (each.pretrain.objective, each.finetune.objective) for name, each in found.items()}
    assert stages == {"tmkd": ("mse", "kl"), "tmkd · kl": ("kl", "kl"), "tmkd · mse": ("mse", "mse")}
    assert [each.finetune.temperature for each in found.values()] == [3, 3, 1]


@pytest.mark.parametrize(
    ("overrides", "regime"),
    [
        ({}, "tmkd"),
        ({"regime": "tkd"}, "tkd"),
        ({"pretrain__enabled": "false"}, "mkd"),
        ({"pretrain__enabled": "false", "student__soft_headers": "mean"}, "1avg-o-1"),
        ({"pretrain__enabled": "false", "finetune__alpha": "0"}, "golden"),
        ({"regime": "golden"}, "golden"),
        ({"pretrain__enabled": "false", "finetune__starts_from": "students/docs/pretrained"}, "tmkd"),
    ],
)
def test_a_recipe_is_compared_as_the_regime_that_it_is(overrides: dict[str, str], regime: str):
    asked = recipe(compare__grids="[{layers: [1, 3]}]", **overrides)
    assert {cell.regime for cell in cells(asked)} == {regime}


def test_a_recipe_of_no_regime_must_name_them():
    own = {"student__soft_headers": "cross_encoder"}
    with pytest.raises(UserError, match="every row must name its own"):
        cells(recipe(compare__grids="[{layers: [1, 3]}]", **own))
    assert list(named(recipe(compare__grids="[{regimes: [tmkd]}]", **own))) == ["tmkd"]


@pytest.mark.parametrize("own", [{"regime": "golden"}, {"finetune__alpha": "0"}])
def test_golden_labels_alone_for_all_cells_are_refused(own: dict[str, str]):
    with pytest.raises(UserError, match="would hold for every cell"):
        cells(recipe(**own))
    assert len(cells(recipe(compare__grids="[{regimes: [tmkd], alphas: [0, 0.5]}, {regimes: [golden]}]", **own))) == 3


def test_one_row_is_one_row():
    names = list(named(recipe(compare__grids="[{unlabeled_rows: [1, 2000]}]")))
    assert names == ["tmkd · 1 row", "tmkd · 2,000 rows"]


@pytest.mark.parametrize(
    ("regime", "stage_1", "headers", "alpha"),
    [
        ("golden", False, "each", 0.0),
        ("1-o-1", False, "best", 0.9),
        ("1avg-o-1", False, "mean", 0.9),
        ("mkd", False, "each", 0.9),
        ("tkd", True, "best", 0.9),
        ("tkd_avg", True, "mean", 0.9),
        ("tmkd", True, "each", 0.9),
    ],
)
def test_regimes_are_recipe_values(regime: str, stage_1: bool, headers: str, alpha: float):
    of_cell = cell_recipes(recipe(), named(recipe())[regime], 5)
    assert len(of_cell) == 1
    for found in (of_cell[0], recipe(regime=regime)):
        assert (found.pretrain.enabled, found.student.soft_headers, found.finetune.alpha) == (stage_1, headers, alpha)
        assert found.finetune.steps_of_both is not stage_1
    assert of_cell[0].student_seed == 5
    assert of_cell[0].seed == 0


def test_m_o_m_is_one_student_a_teacher():
    asked = recipe(compare__grids="[{regimes: [m-o-m]}]", teachers__cross_encoder__weight="0")
    found = cell_recipes(asked, cells(asked)[0], 0)
    assert [each.student.soft_headers for each in found] == [n for n in asked.teachers if n != "cross_encoder"]
    assert all(not each.pretrain.enabled for each in found)


def test_teachers_are_trained_anew_for_every_seed_where_asked():
    kept = teachers_of_seed(recipe(), 1)
    assert list(kept.teachers) == list(recipe().teachers)
    asked = recipe(compare__reseed_teachers="true", student__soft_headers="cross_encoder")
    first, second = teachers_of_seed(asked, 0), teachers_of_seed(asked, 1)
    assert list(first.teachers) == list(asked.teachers)
    assert second.student.soft_headers == "cross_encoder-seed1"
    training = second.teachers["cross_encoder-seed1"].train
    assert training is not None and training.seed == 1
    untrained = {name for name, entry in asked.teachers.items() if entry.train is None}
    assert untrained <= set(second.teachers)


def test_a_student_of_another_corpus_is_the_stage_1_of_regimes_that_have_one():
    asked = recipe(pretrain__enabled="false", finetune__starts_from="students/docs/pretrained")
    found = {name: cell_recipes(asked, cell, 0)[0] for name, cell in named(asked).items()}
    assert found["tmkd"].finetune.starts_from == "students/docs/pretrained"
    assert found["mkd"].finetune.starts_from is None
    assert not any(each.finetune.steps_of_both or each.pretrain.enabled for each in found.values())


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"compare__grids": "[{regimes: [tmdk]}]"}, "did you mean 'tmkd'"),
        ({"regime": "m-o-m"}, "regime"),
        ({"finetune__starts_from": "students/docs/pretrained"}, "pretrain.enabled to false"),
        ({"finetune__steps_of_both": "true"}, "pretrain.enabled to false"),
    ],
)
def test_mistakes_are_told(overrides: dict[str, str], told: str):
    with pytest.raises(UserError, match=told):
        recipe(**overrides)
