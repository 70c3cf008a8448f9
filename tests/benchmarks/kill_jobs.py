"""SIGKILL of the main job while it labels and while it trains: the same command again must end with the same bytes.

    python tests/benchmarks/kill_jobs.py [--recipe docs] [--full] [-- overrides]

The job runs once undisturbed and once killed twice: as soon as the first soft labels are published, and as soon as
stage 1 has a checkpoint. Compared are the bytes of every soft label and of the student. A miniature (``--fixture``)
unless ``--full``. The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="docs")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("rest", nargs="*")
    switches = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="tmkd-kill-jobs-"))
    quiet, killed = (Job(root / name, switches) for name in ("quiet", "killed"))
    undisturbed = quiet.run()
    first = killed.kill_when(lambda: killed.labels())
    before_second = killed.labels()
    second = killed.kill_when(lambda: killed.checkpoints())
    resumed = killed.run()
    kept = {name: data for name, data in before_second.items() if killed.labels().get(name) == data}
    result = {
        "killed after": {"first labels, s": first, "first checkpoint, s": second},
        "labels when killed": len(before_second),
        "of these kept": len(kept),
        "labels equal": killed.labels() == quiet.labels(),
        "label files": len(quiet.labels()),
        "stage 1 went on at step": resumed["resumed_at"],
        "student equal": killed.student() == quiet.student(),
        "steps": undisturbed["steps"],
    }
    print(json.dumps(result, indent=1))
    assert result["labels equal"] and result["student equal"] and resumed["resumed_at"] > 0


class Job:
    """The main job in a workspace of its own."""

    def __init__(self, workspace: Path, switches: argparse.Namespace) -> None:
        self.place = workspace if switches.full else workspace / "fixture"
        self.command = [sys.executable, "jobs/tmkd_pretrain.py", "--recipe", switches.recipe, "--json"]
        self.command += ["--workspace", str(workspace), *([] if switches.full else ["--fixture"]), *switches.rest]

    def run(self) -> dict[str, Any]:
        done = subprocess.run(self.command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.strip().splitlines()[-1])

    def kill_when(self, condition: Callable[[], object]) -> float:
        """Start the job, SIGKILL it once ``condition`` holds, and return after how many seconds that was."""
        process, started = subprocess.Popen(self.command, cwd=ROOT, stdout=subprocess.DEVNULL), time.monotonic()
        while not condition():
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        return round(time.monotonic() - started, 1)

    def labels(self) -> dict[str, str]:
        files = (path for path in self.place.glob("soft_labels/*/*/*/*.parquet") if path.parent.name != "golden")
        return {str(path.relative_to(self.place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    def checkpoints(self) -> list[Path]:
        return list(self.place.glob("runs/*/pretrain-*/checkpoint_*/progress.json"))

    def student(self) -> str:
        (model,) = self.place.glob("students/*/pretrained/model.safetensors")
        return hashlib.sha256(model.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
