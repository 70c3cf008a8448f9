"""The README's first command as a newcomer runs it: fresh clone, fresh virtual environment; seconds and peak memory.

    python tests/benchmarks/first_run.py [--keep DIR] [--then tmkd_finetune evaluate]

Memory is the sum of the proportional set sizes (shared pages counted once) of every process that the command started,
sampled every other second (adding them up is not free); Linux only. The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARK = "TMKD_FIRST_RUN"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", help="folder for the clone, which is kept")
    parser.add_argument("--then", nargs="*", default=[], help="jobs to run afterwards")
    switches = parser.parse_args()
    folder = Path(switches.keep or tempfile.mkdtemp(prefix="tmkd-first-run-")) / "tmkd"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / ".venv")], check=True)
    install, job = first_command(folder).split(" && ")
    result = {"install": timed(install, folder), "jobs": {job.split("/")[-1]: timed(job + " --json", folder)}}
    for name in switches.then:
        result["jobs"][f"{name}.py"] = timed(f"python jobs/{name}.py --json", folder)
    print(json.dumps(result, indent=1))


def first_command(folder: Path) -> str:
    """Return the first command of the README's first shell block."""
    found = re.search(r"```bash\n(.*?)\n", (folder / "README.md").read_text(encoding="utf-8"))
    assert found is not None
    return found.group(1)


def timed(command: str, folder: Path) -> dict:
    """Run a command in the clone's environment; returns seconds, peak memory and what ``--json`` said of its steps."""
    token = f"{os.getpid()}-{time.monotonic_ns()}"
    environment = {
        **os.environ,
        MARK: token,
        "PATH": f"{folder}/.venv/bin:{os.environ['PATH']}",
        "VIRTUAL_ENV": f"{folder}/.venv",
    }
    environment.pop("PYTHONPATH", None)
    peak, stop = [0], threading.Event()

    def sample() -> None:
        while not stop.wait(2.0):
            peak[0] = max(peak[0], memory_of(token))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    started = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    seconds = time.monotonic() - started
    stop.set()
    thread.join()
    lines = done.stdout.strip().splitlines()
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    steps = {name: round(step["seconds"], 1) for name, step in said.get("steps", {}).items()}
    return {"seconds": round(seconds, 1), "peak_gib": round(peak[0] / 2**30, 2), "steps": steps}


def memory_of(token: str) -> int:
    """Return the proportional set size, in bytes, of all processes that inherited the mark."""
    total = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if f"{MARK}={token}".encode() not in (process / "environ").read_bytes():
                continue
            rollup = (process / "smaps_rollup").read_text()
        except (OSError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total


if __name__ == "__main__":
    main()
