"""The README says what can be done: its commands and its recipe are read from it and tried."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tmkd.pipeline.cli import overrides_from
from tmkd.pipeline.jobs import COMPARE_SHORTHAND, SEARCH_SHORTHAND
from tmkd.pipeline.recipe.files import load

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
        where = words[words.index("--workspace") + 1] if "--workspace" in words else ""
        rest = [word for word in words if word not in ("--recipe", recipe, "--workspace", where)]
        if not recipe.endswith(".yaml"):
            short = COMPARE_SHORTHAND | SEARCH_SHORTHAND
            rest = [f"--{short.get(word[2:], word[2:])}" if word[:2] == "--" else word for word in rest]
            load(recipe, overrides_from([words.strip('"') for words in shlex.split(" ".join(rest))]))


def test_the_recipes_in_the_readme_are_recipes_whose_corpora_are_called_after_them(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(# (\w+)\.yaml.*?)```", README, re.DOTALL)
    assert [name for _, name in blocks] == ["mine", "score"]
    for text, name in blocks:
        (tmp_path / f"{name}.yaml").write_text(text)
        recipe = load(str(tmp_path / f"{name}.yaml"), {})
        assert recipe.name == recipe.corpus.name == name and recipe.teachers
    assert load("docs", {}).corpus.name == "docs"


def test_first_and_second_command_stand_as_users_are_told() -> None:
    assert 'pip install -e ".[quickstart]" && python jobs/tmkd_pretrain.py' in README
    assert 'pip install -e ".[test]" && pytest' in README
