"""Hashes of what the miniatures of two recipes leave behind, to tell whether a change of code changed any result.

    python tests/benchmarks/miniature_hashes.py --files squad/ > before.json
    ... change the code ...
    python tests/benchmarks/miniature_hashes.py --files squad/ > after.json
    diff before.json after.json

Corpus shards, label files and weights are hashed as they lie in the workspace; of a report, its figures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HASHED = ("corpora/*/*/part-*.parquet", "soft_labels/*/*/*/part-*.parquet", "students/**/*.safetensors",
          "teachers/**/*.safetensors", "reports/*/predictions.parquet")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["docs", "squad"])
    parser.add_argument("--files", help="folder of train.json and test.json in SQuAD's format, for squad")
    parser.add_argument("--workspace", help="where to keep the workspaces; else they are deleted")
    asked = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory(prefix="tmkd-hashes-") as name:
        for recipe in asked.recipes:
            workspace = Path(asked.workspace or name, recipe)
            found[recipe] = {**run(recipe, workspace, asked.files), **hashes(workspace / "fixture")}
    print(json.dumps(found, indent=1, sort_keys=True))
    return 0


def run(recipe: str, workspace: Path, files: str | None) -> dict[str, str]:
    """Run the last job of a recipe's miniature, which makes all before it; returns the figures' hash."""
    command = [sys.executable, ROOT / "jobs" / "evaluate.py", "--recipe", recipe, "--fixture", "--workspace", workspace,
               "--evaluation.speed_seconds", "0", "--json"]  # fmt: skip
    if files and recipe == "squad":
        for split in ("train", "test"):
            command += [f"--corpus.paths.{split}", Path(files, f"{split}.json")]
    environment = {"PYTHONPATH": str(ROOT / "platform"), **os.environ}
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{recipe}: exit status {done.returncode}\n{done.stderr[-3000:]}")
    result = json.loads(done.stdout.splitlines()[-1])
    return {"figures": hashlib.sha256(json.dumps(result["rows"], sort_keys=True).encode()).hexdigest()}


def hashes(workspace: Path) -> dict[str, str]:
    """Return path -> sha256 of the files of `HASHED`."""
    paths = sorted({path for pattern in HASHED for path in workspace.glob(pattern)})
    return {str(path.relative_to(workspace)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


if __name__ == "__main__":
    sys.exit(main())
