"""A recipe over several seeds: everything reseeded (corpus, teachers, student), results pooled with 95 % intervals.

    python tests/benchmarks/seeds.py --recipe docs --seeds 3 --workspace study -- --student.layers 2

Each seed runs ``jobs/evaluate.py`` in a workspace of its own, so that an interrupted study goes on where it was. What
stands behind ``--`` is handed to the job. ``--at_once 2`` runs two seeds beside each other, each on its share of the
cores: starts and single-threaded parts overlap, but timings then mean little. The last line on stdout is the summary as
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tmkd.evaluation.intervals import Run, difference, mean, recovered_gap

ROOT = Path(__file__).resolve().parents[2]
STUDENT = "student:finetuned:aggregate"
PRETRAINED = "student:pretrained:aggregate"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="docs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workspace", default="workspace/study")
    parser.add_argument("--at_once", type=int, default=1)
    parser.add_argument("rest", nargs="*")
    switches = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    shares: queue.Queue[list[int]] = queue.Queue()
    for part in range(switches.at_once):
        shares.put(cores[part :: switches.at_once])
    with ThreadPoolExecutor(switches.at_once) as pool:
        results = list(pool.map(partial(run, switches, shares), range(switches.seeds)))
    print(json.dumps(summary(results), indent=1))


def run(switches: argparse.Namespace, shares: queue.Queue[list[int]], seed: int) -> dict:
    """Run one seed's whole pipeline on a share of the cores; returns the job's result and the seconds it took."""
    words = [sys.executable, str(ROOT / "jobs" / "evaluate.py"), "--recipe", switches.recipe, "--json"]
    words += ["--workspace", f"{switches.workspace}/seed-{seed}", "--seed", str(seed), "--corpus.seed", str(seed)]
    started, share = time.monotonic(), shares.get()
    if switches.at_once > 1:
        pinned = ",".join(map(str, share))
        words = ["taskset", "--cpu-list", pinned, *words, "--training.cpus_per_worker", str(len(share))]
    try:
        done = subprocess.run([*words, *switches.rest], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    finally:
        shares.put(share)
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return {**result, "total_seconds": time.monotonic() - started}


def summary(results: list[dict]) -> dict:
    """Mean and spread over seeds of every row; intervals pooled over the test questions of all seeds."""
    models = [row["model"] for row in results[0]["rows"]]
    rows = {}
    for index, model in enumerate(models):
        found = {key: [r["rows"][index][key] for r in results] for key in ("accuracy", "auc", "mrr10", "map")}
        rows[model] = {
            key: {"mean": float(np.mean(v)), "sd": float(np.std(v, ddof=1)) if len(v) > 1 else 0.0, "each": v}
            for key, v in found.items()
            if None not in v
        }
    runs = [scores(seed, result["predictions"], models) for seed, result in enumerate(results)]
    intervals = {model: str(mean(runs, model)) for model in ("ensemble", "baseline", PRETRAINED, STUDENT)}
    return {
        "rows": rows,
        "accuracy, 95 % interval": intervals,
        "student - baseline": str(difference(runs, STUDENT, "baseline")),
        "recovered gap": str(recovered_gap(runs, STUDENT, "baseline", "ensemble")),
        "recovered gap, each seed": [str(recovered_gap([run], STUDENT, "baseline", "ensemble")) for run in runs],
        "student / ensemble": mean(runs, STUDENT).estimate / mean(runs, "ensemble").estimate,
        "baseline tried": [result["baseline_tried"] for result in results],
        "seconds": [{"total": r["total_seconds"], **{k: v["seconds"] for k, v in r["steps"].items()}} for r in results],
    }


def scores(seed: int, predictions: str, models: list[str]) -> Run:
    """Read 0/1 correctness of every model; questions of different seeds are different questions."""
    table = pq.read_table(predictions)
    label = table["label"].to_numpy()
    ids = np.array([f"{seed}:{q}" for q in table["question_id"].to_pylist()], dtype=object)
    return Run(ids, {m: ((table[m].to_numpy() > 0.5) == (label == 1)).astype(float) for m in models})


if __name__ == "__main__":
    main()
