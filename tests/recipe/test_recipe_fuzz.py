"""Hundreds of broken recipes, files and switches, from a seed: each is checked or refused in a short message."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import hostile
from tmkd.app.cli import overrides_from
from tmkd.app.fixture import shrink
from tmkd.config import parse
from tmkd.fields import describe
from tmkd.recipe.files import RECIPES, load, shipped, with_overrides
from tmkd.recipe.recipe import Recipe
from tmkd.yaml_nodes import YamlError, compose
from tmkd.yaml_tree import build

SEED = 20_240_102
TREES = {name: yaml.safe_load((RECIPES / f"{name}.yaml").read_text()) for name in shipped()}
PATHS = [field.path.replace("NAME", "summary") for field in describe(Recipe) if "[]" not in field.path]
ROUNDS = 200
PIECES = [
    b"\t",
    b"\0",
    b"\xff",
    b"\n",
    b": ",
    b"[",
    b"}",
    b"&a ",
    b"*a",
    b"!!int ",
    b"<<: ",
    b"- ",
    b"'",
    b"\xef\xbb\xbf",
    b"%",
]


@pytest.fixture(scope="module")
def chance() -> random.Random:
    return random.Random(SEED)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return every (mapping or list, key) of a tree."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else []
    return [place for key in keys for place in ((tree, key), *places(tree[key]))]


def mutated(chance: random.Random) -> dict[str, Any]:
    """Return a shipped recipe with one to three places broken: another value, a wrong key, or one that is missing."""
    name = chance.choice(list(TREES))
    tree = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    for _ in range(chance.randint(1, 3)):
        inside, key = chance.choice(places(tree))
        how = chance.randrange(4)
        if how == 0 and isinstance(inside, dict):
            inside[str(chance.choice(hostile.TEXTS))] = hostile.value(chance)
        elif how == 1 and isinstance(inside, dict):
            inside.pop(key, None)
        else:
            inside[key] = hostile.value(chance)
        if not places(tree):
            break
    return {"name": name, **tree}


def all_of(calls: list[Callable[[], Any]]) -> dict[str, int]:
    """Return how many of the calls were ``checked`` and ``refused``."""
    with hostile.no_writes():
        found = [hostile.outcome(call) for call in calls]
    return {state: found.count(state) for state in ("checked", "refused")}


def test_mutated_trees_are_checked_or_refused(chance: random.Random) -> None:
    trees = [mutated(chance) for _ in range(ROUNDS)]
    counts = all_of([lambda tree=tree: parse(Recipe, tree, "recipe") for tree in trees])
    assert counts["refused"] > ROUNDS / 2 and counts["checked"] > 0


def test_so_are_switches(chance: random.Random) -> None:
    values = [*hostile.TEXTS, *map(repr, hostile.NUMBERS), "[1, x, true]", "{a: {b: 1}}"]

    def switches() -> dict[str, str]:
        keys = chance.sample(PATHS, chance.randint(1, 3)) + chance.sample(["x", "", ".", "a.b.c"], chance.randrange(2))
        return {key: chance.choice(values) for key in keys}

    given = [(chance.choice(["docs", "mnli", "squad"]), switches()) for _ in range(ROUNDS)]
    counts = all_of([lambda name=name, some=some: load(name, some) for name, some in given])
    assert counts["refused"] > ROUNDS / 2 and counts["checked"] > 0


def test_so_are_broken_files(chance: random.Random, tmp_path: Path) -> None:
    texts = [(RECIPES / f"{name}.yaml").read_bytes() for name in shipped()]
    files = []
    for index in range(ROUNDS // 2):
        text = bytearray(chance.choice(texts))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            text[at : at + chance.randrange(3)] = chance.choice(PIECES)
        files.append(tmp_path / f"{index}.yaml")
        files[-1].write_bytes(bytes(text))
    counts = all_of([lambda file=file: load(str(file), {}) for file in files])
    assert min(counts.values()) > 0


def test_so_are_names_of_recipes_and_words_that_are_no_switches(chance: random.Random) -> None:
    calls: list[Callable[[], Any]] = [lambda text=text: load(text, {}) for text in hostile.TEXTS if text != "docs"]
    calls += [lambda text=text: overrides_from([text, text]) for text in hostile.TEXTS]
    calls += [lambda text=text: overrides_from([f"--{text}", "x"]) for text in hostile.TEXTS]
    assert all_of(calls)["checked"] == 0


def test_a_checked_recipe_has_a_miniature(chance: random.Random) -> None:
    for tree in [mutated(chance) for _ in range(ROUNDS // 4)]:
        if hostile.outcome(lambda tree=tree: parse(Recipe, tree, "recipe")) == "checked":
            parse(Recipe, with_overrides(shrink(tree, "/tiny"), {}), "miniature")


def test_shipped_recipes_mean_the_same_to_readers_of_yaml_1_1() -> None:
    for name in shipped():
        text = (RECIPES / f"{name}.yaml").read_text()
        assert build(compose(text), ()) == TREES[name]


def test_texts_of_no_known_field_are_read_or_refused() -> None:
    for text in hostile.TEXTS:
        try:
            build(compose(text), ())
        except YamlError as error:
            assert str(error)
