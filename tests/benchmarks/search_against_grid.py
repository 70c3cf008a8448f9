"""A search with a super-student against a plain grid on the same corpus: who finds the better student, at what cost.

    python tests/benchmarks/search_against_grid.py --workspace study

Both are jobs of their own and resumable; teachers and labels are shared and not counted. The grid trains a stage 1 for
every depth and a stage 2 for every cell. Its best student is the best on the validation split, as the search's is; the
best on the judged split is told beside it. Depths cut from the super-student are compared with those trained alone,
before stage 2. Cells and trials train on one core each, the super-student on all. The last line on stdout is the
result as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from tmkd.cluster import connect, usable_cores
from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.comparison import Comparison, Judged
from tmkd.evaluation.pairs import PAIRS
from tmkd.evaluation.quality import correct
from tmkd.evaluation.scorer import StoredRows
from tmkd.evaluation.scoring import Measurement, measure
from tmkd.evaluation.task_scoring import TextLimits
from tmkd.models.student_config import AGGREGATE
from tmkd.recipe.files import load
from tmkd.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
GRID = "[{layers: [1, 2, 3, 4, 5, 6], alphas: [0.5, 0.9], learning_rates: [5.0e-5, 1.6e-4, 5.0e-4]}]"
PLAIN = "grid"
LUCKIEST = "grid, best on the judged split"
STATES = ("whole", "stopped", "failed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", default="workspace/search-study")
    parser.add_argument("--recipe", default="docs")
    parser.add_argument(
        "--trials", type=int, default=12, help="of the search, which is a run of its own for each number"
    )
    switches = parser.parse_args()
    common = ["--recipe", switches.recipe, "--workspace", switches.workspace]
    run = f"search-{switches.trials}"
    searched = job("tmkd_search", *common, "--run", run, "--trials", str(switches.trials))
    grid = job("compare", *common, "--run", PLAIN, "--seeds", "1", "--compare.grids", GRID)
    connect()
    print(json.dumps(result(switches.recipe, Workspace.open(switches.workspace), run, searched, grid), indent=1))


def job(name: str, *words: str) -> dict[str, Any]:
    """Run a job and return what it prints."""
    command = [sys.executable, str(ROOT / f"jobs/{name}.py"), *words, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def result(
    recipe: str, workspace: Workspace, run: str, searched: dict[str, Any], grid: dict[str, Any]
) -> dict[str, Any]:
    cells = {line["name"]: line["students"][0][0] for line in grid["lines"] if line["kind"] == "student"}
    notes = {name: workspace.read_json(f"{folder}/stage.json") for name, folder in cells.items()}
    validated = {name: note["history"]["validation_accuracy"][-1][1] for name, note in notes.items()}
    judged = {line["name"]: line["by_seed"][0] for line in grid["lines"]}
    best, luckiest = max(validated, key=validated.__getitem__), max(cells, key=judged.__getitem__)
    students = {
        "search": searched["chosen"]["folder"],
        "grid": cells[best],
        "grid, best on the judged split": cells[luckiest],
    }
    alone = stage_1_of(workspace, cells, notes)
    for depth, folder in alone.items():
        students |= {f"super {depth}": f"students/{run}/depth-{depth}", f"alone {depth}": folder}
    comparison = judge(recipe, workspace, students)
    costs = {name: costs_of(workspace, name, found) for name, found in ((run, searched), (PLAIN, grid))}
    stages = [note["seconds"] for note in notes.values()]
    of_super, cores = workspace.read_json(f"students/{run}/super/stage.json")["seconds"], usable_cores()
    firsts = {depth: workspace.read_json(f"{folder}/stage.json")["seconds"] for depth, folder in alone.items()}
    cells_of = {name: int(line["settings"]["layers"]) for line in grid["lines"] if (name := line["name"]) in cells}
    return {
        "chosen by the search": searched["chosen"],
        "best cell on validation": [best, validated[best]],
        "best cell on the judged split": [luckiest, judged[luckiest]],
        "search - grid": vars_of(comparison, "search", "grid"),
        "search - grid, best on the judged split": vars_of(comparison, "search", LUCKIEST),
        "accuracy": {name: str(comparison.interval(name)) for name in students},
        "depths": {depth: vars_of(comparison, f"super {depth}", f"alone {depth}") for depth in alone},
        "seconds of jobs, without teachers and labels": costs,
        "training seconds of the grid": {
            "stage 1 of each depth": firsts,
            "stage 2 of all cells": sum(stages),
            "if every cell trained its own stage 1": sum(stages) + sum(firsts[depth] for depth in cells_of.values()),
        },
        "training seconds of the super-student, on all cores": of_super,
        "training seconds of trials": sum(each["seconds"] for each in searched["trials"]),
        "core-seconds of training, search ÷ grid": (
            (of_super * cores + sum(each["seconds"] for each in searched["trials"])) / sum([*stages, *firsts.values()])
        ),
        "trials": {state: sum(each["state"] == state for each in searched["trials"]) for state in STATES},
    }  # fmt: skip


def stage_1_of(workspace: Workspace, cells: dict[str, str], notes: dict[str, Any]) -> dict[int, str]:
    """Return depth -> folder of the grid's stage 1."""
    found = {}
    for folder in workspace.folders(f"students/{PLAIN}/cells"):
        note = workspace.read_json(f"students/{PLAIN}/cells/{folder}/stage.json")
        if note["stage"] == "pretrain":
            config = workspace.read_json(f"students/{PLAIN}/cells/{folder}/config.json")
            found[int(config["base"]["num_hidden_layers"])] = f"students/{PLAIN}/cells/{folder}"
    return dict(sorted(found.items()))


def judge(recipe: str, workspace: Workspace, students: dict[str, str]) -> Comparison:
    """Judge students on the rows of the judged split."""
    read = load(recipe, {})
    corpus = CorpusManifest.load(workspace, read.corpus.name)
    split = read.evaluation.split
    rows = StoredRows(workspace, corpus.name, corpus.fingerprints, split, tuple(corpus.shards(split)))
    wanted = Measurement(
        PAIRS, rows, students, {}, TextLimits(read.student.max_length), read.training.precision, 0.0, [],
        read.training.placement,
    )  # fmt: skip
    found = measure(wanted).outputs
    questions, labels = [], []
    for shard in corpus.shards(split):
        rows = pq.read_table(workspace.local_path(f"corpora/{corpus.name}/{split}/{shard}"))
        golden = pq.read_table(workspace.local_path(f"soft_labels/{corpus.name}/{split}/golden/{shard}"))
        questions += rows["question_id"].to_pylist()
        labels += golden["label"].to_pylist()
    right = {name: Judged(_right(labels, each[AGGREGATE])) for name, each in found.items()}
    return Comparison(right, np.array(questions, dtype=object))


def _right(labels: list[int], probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return correct(np.array(labels), probabilities).astype(np.float64)[None]


def vars_of(comparison: Comparison, one: str, other: str) -> dict[str, Any]:
    difference = comparison.difference(one, other)
    return {"difference": str(difference.interval), "p": round(difference.p, 4), "mcnemar": difference.mcnemar}


def costs_of(workspace: Workspace, run: str, found: dict[str, Any]) -> dict[str, float]:
    """Return seconds of what is the job's own: stage 1, speed, trials or cells, when it made them."""
    steps = {name: step["seconds"] for name, step in found["steps"].items() if _is_own(name)}
    path = f"reports/{run}/own-seconds.json"
    before = workspace.read_json(path) if workspace.exists(path) else {}
    kept = {name: max(seconds, before.get(name, 0.0)) for name, seconds in steps.items()}
    workspace.publish_json(path, kept)
    return {**kept, "sum": sum(kept.values())}


def _is_own(step: str) -> bool:
    return step.split(" · ")[0] in ("stage 1", "speed of shapes", "search", "comparison")


if __name__ == "__main__":
    main()
