"""Every shipped recipe reads files of its data set's format; those marked slow run it to its end in miniature.

What follows the corpus differs between these recipes in numbers alone, and is tested with `docs`, `pairs` and `squad`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from job_runner import run, write_pairs

from tmkd.recipe.files import load, shipped
from tmkd.steps.preflight import check_models
from tmkd.studies.comparison.cells import cell_recipes, cells

RUN_ELSEWHERE = {
    "docs": "test_docs_recipe.py",
    "docs_full": "test_s3_workspace.py",
    "pairs": "test_own_pairs.py",
    "squad": "test_squad_recipe.py",
}
THREE = ["contradiction", "neutral", "entailment"]
QUESTIONS = 40


def texts(folder: Path, seed: int) -> list[tuple[str, str, int]]:
    """Return (question, passage, 0 or 1); no question of one seed is one of another's."""
    lines = write_pairs(folder / f"{seed}.raw", QUESTIONS, ("q", "p", "l"), seed=seed).read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(f"{question} {seed}", passage, int(label)) for question, passage, label in rows]


def written(path: Path, lines: list[str], mark: str = "") -> Path:
    path.write_text(mark + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def wikiqa(folder: Path, split: str, seed: int) -> Path:
    return written(folder / f"{split}.txt", [f"{q}\t{p}\t{label}" for q, p, label in texts(folder, seed)])


def glue(names: tuple[str, str]) -> Callable[[Path, str, int], Path]:
    def write(folder: Path, split: str, seed: int) -> Path:
        labels = ("not_entailment", "entailment")
        lines = ["\t".join(("index", *names, "label"))]
        lines += [f"{i}\t{q}\t{p}\t{labels[label]}" for i, (q, p, label) in enumerate(texts(folder, seed))]
        return written(folder / f"{split}.tsv", lines)

    return write


def inference(folder: Path, split: str, seed: int) -> Path:
    rows = [
        {"premise": q, "hypothesis": p, "label": "-" if i == 0 else THREE[2 if label else i % 2]}
        for i, (q, p, label) in enumerate(texts(folder, seed))
    ]
    return written(folder / f"{split}.jsonl", [json.dumps(row) for row in rows])


def mrpc(folder: Path, split: str, seed: int) -> Path:
    lines = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
    lines += [f'{label}\t1\t2\t{q} said "\t{p}' for q, p, label in texts(folder, seed)]
    return written(folder / f"{split}.tsv", lines, mark="\ufeff")


WRITE: dict[str, Callable[[Path, str, int], Path]] = {
    "wikiqa": wikiqa,
    "rte": glue(("sentence1", "sentence2")),
    "qnli": glue(("question", "sentence")),
    "mnli": inference,
    "snli": inference,
    "mrpc": mrpc,
}


def files(recipe: str, folder: Path) -> list[str]:
    """Write the files that a recipe names; returns the switches that say where they are."""
    splits = load(recipe, {}).corpus.paths.given()
    paths = {split: WRITE[recipe](folder, split, seed) for seed, split in enumerate(splits)}
    return [word for split, path in paths.items() for word in (f"--corpus.paths.{split}", str(path))]


def test_every_shipped_recipe_is_run_somewhere() -> None:
    assert set(shipped()) == {*WRITE, *RUN_ELSEWHERE, "docs_grid"}


@pytest.mark.parametrize("recipe", sorted(WRITE))
def test_a_shipped_recipe_reads_its_data_set(ray_session: None, tmp_path: Path, recipe: str) -> None:
    outcome = run("prepare_corpus", "--recipe", recipe, "--workspace", str(tmp_path), *files(recipe, tmp_path))
    assert outcome.status == 0, outcome.screen
    assert outcome.result["counts"]["rejected"] == {}
    rows = {split: part["rows"] for split, part in outcome.result["splits"].items()}
    assert rows["test"] == 2 * QUESTIONS
    assert rows["train"] > 1.5 * QUESTIONS and rows["validation"] > 0


def test_the_whole_grid_is_what_the_paper_compares_and_more() -> None:
    recipe = load("docs_grid", {})
    found = cells(recipe)
    assert {cell.regime for cell in found} >= {"golden", "1-o-1", "1avg-o-1", "m-o-m", "mkd", "tkd", "tkd_avg", "tmkd"}
    assert {cell.layers for cell in found} >= {1, 3, 5} and {cell.alpha for cell in found} >= {0.1, 0.3, 0.5, 0.7, 1.0}
    recipes = [cell_recipes(recipe, cell, 4)[0] for cell in found]
    for each in {(each.student.kind, each.student.layers): each for each in recipes}.values():
        check_models(each)


@pytest.fixture(scope="module")
def with_stage_1(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the student that other recipes start from."""
    place = tmp_path_factory.mktemp("shipped")
    outcome = run("tmkd_pretrain", "--fixture", "--workspace", str(place))
    assert outcome.status == 0, outcome.screen
    return place


@pytest.mark.slow
@pytest.mark.parametrize("recipe", sorted(WRITE))
def test_a_shipped_recipe_runs_to_its_end(with_stage_1: Path, tmp_path: Path, recipe: str) -> None:
    words = ["--recipe", recipe, "--fixture", "--workspace", str(with_stage_1), *files(recipe, tmp_path)]
    outcome = run("evaluate", *words)
    assert outcome.status == 0, outcome.screen
    assert {row["stage"] for row in outcome.result["rows"] if row["kind"] == "student"} >= {"finetuned"}


@pytest.mark.slow
def test_the_whole_grid_runs(ray_session: None, tmp_path: Path) -> None:
    outcome = run("compare", "--recipe", "docs_grid", "--fixture", "--workspace", str(tmp_path), "--seeds", "1")
    assert outcome.status == 0, outcome.screen
    assert outcome.result["failed"] == {}
