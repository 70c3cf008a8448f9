"""SIGKILL at random over a labelling driver, its actors and its tasks: the labels must be those of a quiet run.

    python tests/benchmarks/label_faults.py [--kills 100] [--shards 150] [--seed 0]

Every driver that is killed is started again. The last line on stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "labelling")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--shards", type=int, default=150)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--own-ray", action="store_true", help="every driver starts a Ray of its own; raylets die too")
    switches = parser.parse_args()
    import ray
    from kill_storm import driver_command, storm

    from tiny_teachers import bert_classifier
    from tmkd.cluster import connect

    root = Path(tempfile.mkdtemp(prefix="tmkd-label-faults-"))
    model = bert_classifier(root / "model", num_labels=2)
    environment = dict(os.environ)
    if not switches.own_ray:
        connect()  # sets what a process needs to join it
        environment = os.environ | {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    quiet = driver_command(root / "quiet", model, switches.shards, switches.rows)
    subprocess.run(quiet, env=environment, check=True)
    expected = files(root / "quiet")
    killed: Counter[str] = Counter()
    rounds, started = 0, time.monotonic()
    while killed.total() < switches.kills:
        workspace = root / f"stormy-{rounds}"
        command = driver_command(workspace, model, switches.shards, switches.rows)
        killed += storm(command, environment, switches.kills - killed.total(), switches.seed + rounds, 0.2)
        assert files(workspace) == expected, f"labels differ after {dict(killed)}"
        rounds += 1
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"killed": killed, "kills": killed.total(), "runs": rounds, "seconds": seconds, "equal": True}))


def files(workspace: Path) -> dict[str, bytes]:
    """Return every published file of the label stores with its bytes."""
    root = workspace / "soft_labels"
    paths = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


if __name__ == "__main__":
    main()
