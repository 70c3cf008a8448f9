"""The README says what can be done: its commands are jobs and switches that there are, its recipes are recipes, and its
Python runs.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from tiny_teachers import student_classifier, write_corpus
from tmkd.app.cli import overrides_from
from tmkd.app.jobs import COMPARE_SHORTHAND, SEARCH_SHORTHAND
from tmkd.recipe.files import load
from tmkd.soft_labels.store import LabelStore
from tmkd.workspace import Workspace

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


def test_the_python_in_the_readme_runs_where_the_jobs_have_been(tmp_path: Path) -> None:
    student_classifier(tmp_path / "workspace/students/docs/finetuned")
    workspace = Workspace.open(str(tmp_path / "workspace"))
    corpus = write_corpus(workspace, {"unlabeled": 2}, rows=4, name="score")
    for index, shard in enumerate(corpus.shards("unlabeled")):
        logits = np.full((4, 2), index + 0.5, np.float32)
        LabelStore(workspace, "score", "unlabeled", "student").publish(shard, index * 4 + np.arange(4), logits)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    tell = "import json; print(json.dumps([score({'text': 'a', 'text_pair': 'b'}), scored.to_pydict()]))"
    code = "\n".join([*blocks, tell])
    # A new process: this one has imported tmkd already, which is what the first block tells readers to do.
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    *shown, told = done.stdout.splitlines()
    score, rows = json.loads(told)
    assert 0.5 <= score["score"] <= 1 and sum("logits" in line for line in shown) == len(corpus.shards("unlabeled"))
    assert list(zip(rows["question"], rows["passage"], strict=True)) == corpus.texts["unlabeled"][-1]
    assert rows["id"] == [4, 5, 6, 7] and rows["logits"] == [[1.5, 1.5]] * 4


def test_first_and_second_command_stand_as_users_are_told() -> None:
    assert 'pip install -e ".[quickstart]" && python jobs/tmkd_pretrain.py' in README
    assert 'pip install -e ".[test]" && pytest' in README
