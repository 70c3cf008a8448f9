"""Recipes as files: those shipped with the package and the user's own, with what the command line overrides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tmkd.config import Tree, apply_overrides, parse, read_yaml
from tmkd.errors import UserError, nearest
from tmkd.paths import user_path
from tmkd.recipe.recipe import Recipe
from tmkd.recipe.shorthands import both_given
from tmkd.recipe.student import FINETUNE_SHORTHANDS, PRETRAIN_SHORTHANDS

SHORTHANDS = {"pretrain": PRETRAIN_SHORTHANDS, "finetune": FINETUNE_SHORTHANDS}
RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def shipped() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load(name_or_file: str, overrides: Mapping[str, str]) -> Recipe:
    """Read a shipped recipe or a file, apply overrides and check the whole.

    Raises:
        UserError: naming every fault, or the recipes there are.
    """
    tree, source = read(name_or_file)
    whole, source = with_overrides(tree, overrides), source + (" with overrides" if overrides else "")
    _refuse_shorthands_beside_lists(whole, source)
    return parse(Recipe, whole, source)


def _without_replaced(tree: Tree, overrides: Mapping[str, str]) -> Tree:
    """Drop the shorthands of a file that a list on the command line replaces."""
    for stage, shorthands in SHORTHANDS.items():
        if f"{stage}.objectives" in overrides and isinstance(tree.get(stage), dict):
            replaced = [name for name in shorthands if f"{stage}.{name}" not in overrides]
            tree[stage] = {name: value for name, value in tree[stage].items() if name not in replaced}
    return tree


def _refuse_shorthands_beside_lists(tree: Tree, source: str) -> None:
    """Refuse also a shorthand that says what its default is, which a recipe that is parsed no longer shows."""
    for stage, shorthands in SHORTHANDS.items():
        block = tree.get(stage)
        given = [f"{stage}.{name}" for name in shorthands if isinstance(block, dict) and name in block]
        if isinstance(block, dict) and block.get("objectives") and given:
            raise UserError(f"{source}: {both_given(f'{stage}.objectives', given)}")


def with_overrides(tree: Tree, overrides: Mapping[str, str]) -> Tree:
    """Return a recipe's tree with overrides applied; ``{"teachers.NAME": "null"}`` takes a teacher out.

    Raises:
        UserError: there is no such teacher.
    """
    result = _without_replaced(apply_overrides(tree, overrides, Recipe), overrides)
    teachers = result.get("teachers")
    if not isinstance(teachers, dict):
        return result  # the recipe's own check says what is wrong
    for name in [name for name, entry in teachers.items() if entry is None and f"teachers.{name}" in overrides]:
        if name not in (there_are := list(tree.get("teachers") or {})):
            raise UserError(f"--teachers.{name} null: no such teacher{nearest(name, there_are)}")
        del teachers[name]
    return result


def read(name_or_file: str) -> tuple[Tree, str]:
    """Return the YAML tree of a shipped recipe or a file, and how to call it in messages."""
    path = user_path(name_or_file, "--recipe")
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise UserError(f"recipe {name_or_file}: no such file; shipped recipes: {', '.join(shipped())}")
        return _named(path.stem, read_yaml(path, Recipe)), f"recipe {path}"
    if name_or_file not in shipped():
        raise UserError(
            f"recipe {name_or_file!r} is not shipped{nearest(name_or_file, shipped())}; "
            f"there are {', '.join(shipped())}, or give a .yaml file"
        )
    return _named(name_or_file, read_yaml(RECIPES / f"{name_or_file}.yaml", Recipe)), f"recipe {name_or_file}"


def _named(name: str, tree: Tree) -> Tree:
    """Call recipe and corpus after the file where it does not name them: two recipes' corpora must not be one."""
    corpus = {} if tree.get("corpus") is None else tree["corpus"]
    named = {"corpus": {"name": tree.get("name", name), **corpus}} if isinstance(corpus, dict) else {}
    return {"name": name, **tree, **named}
