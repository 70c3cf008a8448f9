"""The README says what can be done: its commands and its recipe are read from it and tried."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from tmkd.config import parse
from tmkd.pipeline.cli import overrides_from
from tmkd.pipeline.recipe import Recipe, load

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
JOBS = Path(__file__).resolve().parents[2] / "jobs"


def commands() -> list[list[str]]:
    """Return the words of every ``python jobs/…`` command of the README."""
    joined = README.replace("\\\n", " ")
    found = re.findall(r"python jobs/(\w+\.py[^\n`#&]*)", joined)
    return [command.split() for command in found]


def test_every_job_in_the_readme_exists_and_every_switch_is_one() -> None:
    assert len(commands()) >= 4
    for script, *words in commands():
        assert (JOBS / script).is_file(), script
        recipe = words[words.index("--recipe") + 1] if "--recipe" in words else "docs"
        rest = [word for word in words if word not in ("--recipe", recipe)]
        if not recipe.endswith(".yaml"):
            load(recipe, overrides_from(rest))


def test_the_recipe_in_the_readme_is_a_recipe() -> None:
    text = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert text is not None
    recipe = parse(Recipe, {"name": "mine", **yaml.safe_load(text.group(1))}, "README")
    assert recipe.student.layers == 3 and len(recipe.teachers) == 3


def test_first_and_second_command_stand_as_users_are_told() -> None:
    assert 'pip install -e ".[quickstart]" && python jobs/tmkd_pretrain.py' in README
    assert 'pip install -e ".[test]" && pytest' in README
