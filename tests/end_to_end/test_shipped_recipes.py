"""Every shipped recipe runs in miniature; those of data sets on files of the same format.

One goes as far as soft labels and one as far as stage 1: what follows differs from other recipes in numbers alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from job_runner import run, write_pairs

from tmkd.pipeline.recipe import shipped

RUN_ELSEWHERE = {
    "docs": "test_docs_recipe.py",
    "docs_full": "test_s3_workspace.py",
    "pairs": "test_own_pairs.py",
    "squad": "test_squad_recipe.py",
}


def wikiqa_files(folder: Path) -> list[str]:
    words = []
    for seed, split in enumerate(("train", "validation", "test")):
        lines = write_pairs(folder / f"{split}.tsv", 30, ("q", "p", "l"), seed=seed).read_text().splitlines()[1:]
        (folder / f"{split}.txt").write_text("\n".join(line.replace("how", f"how{seed}") for line in lines) + "\n")
        words += [f"--corpus.paths.{split}", str(folder / f"{split}.txt")]
    return words


def rte_files(folder: Path) -> list[str]:
    words = []
    for seed, split in enumerate(("train", "test")):
        lines = ["index\tsentence1\tsentence2\tlabel"]
        source = write_pairs(folder / f"{split}.raw", 30, ("q", "p", "l"), seed=seed).read_text().splitlines()[1:]
        for index, line in enumerate(source):
            question, passage, label = line.split("\t")
            lines.append(f"{index}\t{question} {seed}\t{passage}\t{'entailment' if label == '1' else 'not_entailment'}")
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n")
        words += [f"--corpus.paths.{split}", str(folder / f"{split}.tsv")]
    return words


FILES = {"wikiqa": wikiqa_files, "rte": rte_files}


RESULTS = {
    "wikiqa": ("label_corpus", "labels", ["similarity", "cross_encoder"]),
    "rte": ("tmkd_pretrain", "student", "students/rte/pretrained"),
}


def test_every_shipped_recipe_is_run_somewhere() -> None:
    assert set(shipped()) == {*FILES, *RUN_ELSEWHERE}


@pytest.mark.parametrize("recipe", sorted(FILES))
def test_a_shipped_recipe_runs(ray_session: None, tmp_path: Path, recipe: str) -> None:
    words = FILES[recipe](tmp_path)
    job, key, result = RESULTS[recipe]
    outcome = run(job, "--recipe", recipe, "--fixture", "--workspace", str(tmp_path), *words)
    assert outcome.status == 0, outcome.screen
    assert outcome.result[key] == result
