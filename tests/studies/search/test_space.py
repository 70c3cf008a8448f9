"""The space of a search: the recipe's own settings first, and what cannot be searched is told."""

from __future__ import annotations

import json

import pytest

from tmkd.errors import UserError
from tmkd.recipe.files import load, read, shipped
from tmkd.recipe.recipe import Recipe
from tmkd.studies.search.space import first_points, shapes, space, trial_recipe


def recipe(**overrides: str) -> Recipe:
    return load("docs", {name.replace("__", "."): value for name, value in overrides.items()})


def test_every_shape_is_tried_first_with_the_recipe_s_own_settings() -> None:
    points = first_points(recipe())
    assert [point["shape"] for point in points] == [f"encoder-{depth}" for depth in range(1, 7)]
    assert {(point["alpha"], point["learning_rate"]) for point in points} == {(0.9, 1e-4)}


def test_a_bi_lstm_is_searched_at_rates_of_its_own() -> None:
    asked = recipe(
        search__students="[encoder, bi_lstm]", search__hidden="[128]", search__layers="[3]",
        search__learning_rates="{low: 5.0e-5, high: 2.0e-3}",
    )  # fmt: skip
    encoder, lstm = first_points(asked)
    assert (encoder["learning_rate"], lstm["learning_rate"]) == (1e-4, 1e-3)
    trial = trial_recipe(asked, {**lstm, "learning_rate": 4e-4}, "students/start")
    assert (trial.student.kind, trial.student.bi_lstm.hidden, trial.student.bi_lstm.learning_rate) == (
        "bi_lstm",
        128,
        4e-4,
    )


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"search": "{}"}, "nothing varies"),
        (
            {"finetune__objectives": "[{name: kl}]"},
            r"search.alphas: varies a shorthand of finetune.objectives, which is given",
        ),
        ({"search__trials": "5"}, "each of the 6 shapes is tried at least once"),
        ({"search__weights": "{cross_encoder: [1, 2]}", "student__soft_headers": "mean"}, "soft_headers is mean"),
        ({"search__weights": "{cros_encoder: [1, 2]}"}, "did you mean 'cross_encoder'"),
    ],
)
def test_what_cannot_be_searched_is_told(overrides: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        space(recipe(**overrides))


def test_shipped_recipes_with_a_stage_1_for_pairs_can_be_searched() -> None:
    searched = {name: read(name)[0]["search"] for name in shipped() if "search" in read(name)[0]}
    assert set(searched) == {"docs", "docs_full", "pairs", "wikiqa"}
    for block in searched.values():
        asked = recipe(search=json.dumps(block))
        assert len(shapes(asked)) == 6 and space(asked)
