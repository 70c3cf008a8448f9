"""From a recipe's ``search`` block to shapes, Optuna's space, and the recipe of one trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tmkd.config import parse
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError, nearest
from tmkd.recipe.recipe import Recipe
from tmkd.search.shape import Shape
from tmkd.search.trial import SHAPE
from tmkd.steps.context import Context
from tmkd.steps.student.stages import finetune_stage
from tmkd.students.registry import kind_of
from tmkd.studies.comparison.training import addressed
from tmkd.training.stage import Stage

ALPHA, RATE, OBJECTIVE, WEIGHT = "alpha", "learning_rate", "objective", "weight."
"""Parameters of a trial, as MLflow shows them."""


def shapes(recipe: Recipe) -> list[Shape]:
    """Return the shapes that are searched, in the order in which they are asked for."""
    asked, own = recipe.search, recipe.student
    kinds = [kind_of(name) for name in asked.students or [own.kind]]
    found = [Shape(kind.name, size) for kind in kinds for size in getattr(asked, kind.axis) or [kind.size(own)]]
    return list(dict.fromkeys(found))


def space(recipe: Recipe) -> dict[str, Any]:
    """Return parameter -> choices, or the (low, high) of a rate.

    Raises:
        UserError: if nothing varies, there are more shapes than trials, or weights are of no header.
    """
    asked = recipe.search
    _check(recipe)
    found: dict[str, Any] = {SHAPE: [shape.name for shape in shapes(recipe)], ALPHA: asked.alphas}
    found[OBJECTIVE] = asked.objectives
    found |= {f"{WEIGHT}{name}": weights for name, weights in asked.weights.items()}
    chosen: dict[str, Any] = {name: list(dict.fromkeys(values)) for name, values in found.items() if values}
    rates = asked.learning_rates
    chosen |= {RATE: (rates.low, rates.high)} if rates else {}
    if all(len(values) == 1 for values in chosen.values()):
        raise UserError(
            "search: nothing varies; say what to search, in the recipe or by switches such as --search.layers "
            '"[1, 2, 3]" --search.alphas "[0.5, 0.9]" --search.learning_rates "{low: 5.0e-5, high: 5.0e-4}"'
        )
    return chosen


def _check(recipe: Recipe) -> None:
    asked = recipe.search
    for name in asked.weights:
        if name not in recipe.teachers:
            raise UserError(f"search.weights.{name}: no such teacher{nearest(name, list(recipe.teachers))}")
    varied = [name for name in ("alphas", "objectives") if getattr(asked, name)]
    if varied and recipe.finetune.objectives:
        raise UserError(
            f"search.{varied[0]}: varies a shorthand of finetune.objectives, which is given, too; drop one of the two"
        )
    if asked.weights and recipe.student.soft_headers != "each":
        raise UserError(
            f"search.weights: of headers, one a teacher, but student.soft_headers is {recipe.student.soft_headers}; "
            "right would be each"
        )
    if asked.trials < (count := len(shapes(recipe))):
        raise UserError(f"search.trials: {asked.trials}, but each of the {count} shapes is tried at least once")


def first_points(recipe: Recipe) -> list[dict[str, Any]]:
    """Return a trial for every shape with the recipe's own settings, as near as the space has them."""
    chosen = space(recipe)
    wanted: dict[str, Any] = {ALPHA: recipe.finetune.alpha, OBJECTIVE: recipe.finetune.objective}
    wanted |= {f"{WEIGHT}{name}": recipe.teachers[name].weight for name in recipe.search.weights}
    found = []
    for shape in shapes(recipe):
        own = {**wanted, RATE: kind_of(shape.student).rate(recipe.student, recipe.finetune.learning_rate)}
        point = {name: _nearest(values, own[name]) for name, values in chosen.items() if name != SHAPE}
        found.append({SHAPE: shape.name, **point})
    return found


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
    if RATE in settings:
        kind_of(shape.student).set_rate(tree["student"], settings[RATE])
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
    kind_of(shape.student).set_size(tree["student"], shape.size)
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
