"""From a recipe's ``search`` block to shapes, Optuna's space, and the recipe of one trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tmkd.config import parse
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError, nearest
from tmkd.pipeline.compare_training import addressed
from tmkd.pipeline.context import Context
from tmkd.pipeline.recipe import Recipe
from tmkd.pipeline.student_step import finetune_stage
from tmkd.search.shape import Shape
from tmkd.search.trial import SHAPE
from tmkd.training.stage import Stage

ALPHA, RATE, OBJECTIVE, WEIGHT = "alpha", "learning_rate", "objective", "weight."
"""Parameters of a trial, as MLflow shows them."""


def shapes(recipe: Recipe) -> list[Shape]:
    """Return the shapes that are searched, in the order in which they are asked for."""
    asked, own = recipe.search, recipe.student
    sizes = {"encoder": asked.layers or [own.layers], "bi_lstm": asked.hidden or [own.bi_lstm.hidden]}
    kinds = asked.students or [own.kind]
    return list(dict.fromkeys(Shape(kind, size) for kind in kinds for size in sizes[kind]))


def space(recipe: Recipe) -> dict[str, Any]:
    """Return parameter -> choices, or the (low, high) of a rate; only what has more than one value.

    Raises:
        UserError: for a weight of a teacher that there is not.
    """
    asked = recipe.search
    found: dict[str, Any] = {SHAPE: [shape.name for shape in shapes(recipe)], ALPHA: asked.alphas}
    found[OBJECTIVE] = asked.objectives
    for name, weights in asked.weights.items():
        if name not in recipe.teachers:
            raise UserError(f"search.weights.{name}: no such teacher{nearest(name, list(recipe.teachers))}")
        found[f"{WEIGHT}{name}"] = weights
    chosen = {name: list(dict.fromkeys(values)) for name, values in found.items() if values}
    rates = asked.learning_rates
    return chosen | ({RATE: (rates.low, rates.high)} if rates else {})


def first_points(recipe: Recipe) -> list[dict[str, Any]]:
    """Return a trial for every shape with the recipe's own settings, as near as the space has them."""
    wanted = {ALPHA: recipe.finetune.alpha, OBJECTIVE: recipe.finetune.objective, RATE: recipe.finetune.learning_rate}
    wanted |= {f"{WEIGHT}{name}": recipe.teachers[name].weight for name in recipe.search.weights}
    point = {name: _nearest(values, wanted[name]) for name, values in space(recipe).items() if name != SHAPE}
    return [{SHAPE: shape.name, **point} for shape in shapes(recipe)]


def _nearest(values: Any, wanted: Any) -> Any:
    if isinstance(values, tuple):
        return min(max(wanted, values[0]), values[1])
    if isinstance(wanted, str):
        return wanted if wanted in values else values[0]
    return min(values, key=lambda value: abs(value - wanted))


def shape_recipe(recipe: Recipe, shape: Shape) -> Recipe:
    """Return the recipe with a shape's student."""
    return parse(Recipe, _shaped(recipe, shape), f"search: {shape.name}")


def trial_recipe(recipe: Recipe, settings: Mapping[str, Any], start: str) -> Recipe:
    """Return the recipe of a trial: its own settings on a stage 1 that is there.

    Raises:
        UserError: if the settings do not go together.
    """
    shape = Shape.of(settings[SHAPE])
    tree = _shaped(recipe, shape)
    tree["pretrain"]["enabled"] = False
    tree["finetune"] |= {"starts_from": start, "steps_of_both": False}
    for name in (ALPHA, OBJECTIVE, RATE):
        if name in settings:
            tree["finetune"][name] = settings[name]
    if tree["finetune"][OBJECTIVE] != "kl":
        tree["finetune"]["temperature"] = 1.0
    for name in recipe.teachers:
        if f"{WEIGHT}{name}" in settings:
            tree["teachers"][name]["weight"] = settings[f"{WEIGHT}{name}"]
    return parse(Recipe, tree, f"search: {dict(settings)}")


def _shaped(recipe: Recipe, shape: Shape) -> dict[str, Any]:
    tree: dict[str, Any] = recipe.model_dump(mode="json")
    tree["regime"] = None  # its values are in the tree
    tree["student"]["kind"] = shape.student
    if shape.student == "encoder":
        tree["student"]["layers"] = shape.size
    else:
        tree["student"]["bi_lstm"]["hidden"] = shape.size
    return tree


@dataclass(frozen=True)
class StageMaker:
    """Makes the stage 2 of a trial; picklable, as trials make their own.

    Attributes:
        starts: name of a shape -> folder of its stage 1.
    """

    context: Context
    corpus: CorpusManifest
    starts: Mapping[str, str]

    def __call__(self, settings: Mapping[str, Any]) -> Stage:
        recipe = trial_recipe(self.context.recipe, settings, self.starts[settings[SHAPE]])
        context = dataclasses.replace(self.context, recipe=recipe)
        (stage,) = addressed(context, [finetune_stage(context, self.corpus)])
        return stage
