"""A2D's student, its ablations, its readers and the baseline over several seeds: paired tests of the paper's claims.

    python tests/benchmarks/squad_study.py --seeds 2 --workspace study --train train.json --part 3 -- \\
        --corpus.paths.test dev.json --evaluation.also.AddSent.path AddSent.json --evaluation.also.AddSent.variants true

Each variant of each seed is one ``jobs/evaluate.py --recipe squad`` with a run name of its own; all share a workspace,
so that readers and labels are made once, and an interrupted study goes on where it was. A seed reseeds student and
baseline. ``--part 3`` trains on every third paragraph. What stands behind ``--`` is handed to the job. The last line
on stdout is the summary as JSON; with ``--summary`` nothing is run and what is there is summed up.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tmkd.evaluation.intervals import Run, difference, mean, recovered_gap
from tmkd.evaluation.paired_test import p_value
from tmkd.text.span_scores import exact_match, f1

ROOT = Path(__file__).resolve().parents[2]
STUDENT = "student:finetuned:aggregate"
FULL = "A2D"
VARIANTS = {
    FULL: [],
    "- KD": ["--finetune.alpha", "0", "--finetune.answer", "0.3", "--finetune.attention", "0.1"],
    "- ANS": ["--finetune.answer", "0"],
    "- ATT": ["--finetune.attention", "0"],
    "stage-wise": ["--finetune.attention_first", "true"],
}
"""The paper's Table 5."""
CLAIMS = [
    *[(FULL, "baseline", where) for where in ("test", "AddSent")],
    *[(FULL, "ensemble", where) for where in ("AddSent",)],
    ("ensemble", FULL, "test"),
    *[(FULL, name, where) for name in list(VARIANTS)[1:] for where in ("test", "AddSent")],
]
"""What the paper's Tables 1, 2 and 5 say: the first is above the second there."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workspace", default="workspace/squad-study")
    parser.add_argument("--train", required=True, help="SQuAD 1.1 file, .gz or not")
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), help="names of variants")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("rest", nargs="*")
    switches = parser.parse_args()
    folder = Path(switches.workspace)
    rest = ["--corpus.paths.train", str(part_of(Path(switches.train), switches.part, folder)), *switches.rest]
    for seed in range(switches.seeds):
        for name in switches.only if not switches.summary else []:
            run(folder, seed, name, rest)
    print(json.dumps(summary(folder, switches.seeds), indent=1))


def part_of(train: Path, part: int, folder: Path) -> Path:
    """Write a file with every ``part``-th paragraph of each article of ``train``."""
    path = folder / f"train-part-{part}.json"
    if not path.is_file():
        opener = gzip.open if train.suffix == ".gz" else open
        with opener(train, "rt", encoding="utf-8") as file:
            tree = json.load(file)
        for index, article in enumerate(tree["data"]):
            article["paragraphs"] = article["paragraphs"][index % part :: part]
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def run(folder: Path, seed: int, name: str, rest: list[str]) -> None:
    """Train and judge one variant of one seed, unless its result is there."""
    result = result_path(folder, seed, name)
    if result.is_file():
        return
    slug = name.replace("- ", "no_").replace("-", "_")
    words = [sys.executable, str(ROOT / "jobs/evaluate.py"), "--recipe", "squad", "--json", "--run", f"{slug}-{seed}"]
    words += ["--workspace", str(folder), "--student.seed", str(seed), *VARIANTS[name], *rest]
    if name != FULL:  # the same readers and the same baseline, timed once
        words += ["--baseline.enabled", "false", "--evaluation.speed_seconds", "0"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(done.stdout.strip().splitlines()[-1])


def result_path(folder: Path, seed: int, name: str) -> Path:
    return folder / "results" / f"{seed}-{name.replace(' ', '')}.json"


def summary(folder: Path, seeds: int) -> dict[str, Any]:
    """Every model's exact match and F1 in each place, and the paper's claims with their p-values."""
    found: dict[str, Any] = {}
    overlaps: dict[str, list[Run]] = {}
    for where in ("test", "AddSent"):
        runs = [scores(folder, seed, where) for seed in range(seeds)]
        models = [name for name in runs[0]["f1"].scores if all(name in each["f1"].scores for each in runs)]
        overlaps[where] = [each["f1"] for each in runs]
        found[where] = {
            name: {
                "exact match": round(float(np.mean([each["exact"].scores[name].mean() for each in runs])), 4),
                "F1": str(mean(overlaps[where], name)),
                "each seed": [round(float(each["f1"].scores[name].mean()), 4) for each in runs],
            }
            for name in models
        }
        if {"baseline", "ensemble", FULL} <= set(models):
            found[where]["recovered gap"] = str(recovered_gap(overlaps[where], FULL, "baseline", "ensemble"))
    return {**found, "claims": [verdict(overlaps[claim[2]], *claim) for claim in CLAIMS if claim[2] in overlaps]}


def scores(folder: Path, seed: int, where: str) -> dict[str, Run]:
    """Read what every model answered; variants of one adversarial question count as its worst."""
    exact: dict[str, np.ndarray] = {}
    overlap: dict[str, np.ndarray] = {}
    keys: list[str] = []
    for name in VARIANTS:
        path = result_path(folder, seed, name)
        if not path.is_file():
            continue
        result = json.loads(path.read_text())
        part = result if where == "test" else result["also"].get(where)
        if part is None:
            continue
        table = pq.read_table(part["predictions"])
        ids = [str(key).split("-")[0] if where != "test" else str(key) for key in table["id"].to_pylist()]
        keys = list(dict.fromkeys(ids))
        references = table["references"].to_pylist()
        for model in table.column_names[3:]:
            if name != FULL and model != STUDENT:
                continue
            said = list(zip(table[model].to_pylist(), references, strict=True))
            called = name if model == STUDENT else model
            exact[called] = worst(ids, keys, [exact_match(*pair) for pair in said])
            overlap[called] = worst(ids, keys, [f1(*pair) for pair in said])
    return {"exact": Run(keys, exact), "f1": Run(keys, overlap)}


def worst(ids: list[str], keys: list[str], each: list[float]) -> np.ndarray:
    """Return the lowest score of every key."""
    place, lowest = {key: index for index, key in enumerate(keys)}, np.ones(len(keys))
    np.minimum.at(lowest, [place[key] for key in ids], each)
    return lowest


def verdict(runs: list[Run], model: str, other: str, where: str) -> dict[str, Any]:
    """Say whether a claim of the paper shows here, from each question's mean over seeds."""
    claim = {"claim": f"{model} above {other} on {where}"}
    if any(name not in run.scores for run in runs for name in (model, other)):
        return {**claim, "verdict": "not run"}
    apart = np.mean([run.scores[model] - run.scores[other] for run in runs], axis=0)
    p = p_value(apart)
    word = "not shown" if p > 0.05 else "reproduced" if apart.mean() > 0 else "reversed"
    return {**claim, "F1 apart": str(difference(runs, model, other)), "p": round(p, 4), "verdict": word}


if __name__ == "__main__":
    main()
