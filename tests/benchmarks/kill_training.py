"""SIGKILL of training workers at random steps: the weights must be those of an undisturbed run, bit for bit.

    python tests/benchmarks/kill_training.py [--kills 20] [--steps 120] [--workers 2] [--zero 1] [--seed 0]

A tiny student with dropout, so that random numbers must be the same again too. A worker ends its own process at steps
drawn beforehand; Ray Train starts all of them again from the last checkpoint (one every five steps). The last line on
stdout is the result as JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import cloudpickle

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import tiny_stages
from tiny_stages import SHAPE, engine_config, make_world, schedule, stage
from tmkd.cluster import connect
from tmkd.training.run import train

EVERY = 5


class KillsItself:
    """Stands where MLflow's run stands in rank 0, and ends its process once after each of some steps."""

    def __init__(self, log: Path, steps: list[int]) -> None:
        self.log, self.steps = log, steps

    def metrics(self, values: dict[str, float], step: int) -> None:
        with self.log.open("a") as log:
            log.write(f"{step}\n")
        if step in self.steps and self.log.read_text().split().count(str(step)) == 1:
            time.sleep(2)  # Ray Train hears of a checkpoint only after a while, and steps take milliseconds here
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--zero", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    switches = parser.parse_args()
    for module in (tiny_stages, sys.modules[__name__]):
        cloudpickle.register_pickle_by_value(module)
    folder = Path(tempfile.mkdtemp(prefix="tmkd-kill-training-"))
    world = make_world(folder)
    connect()
    at = sorted(random.Random(switches.seed).sample(range(2, switches.steps), switches.kills))
    config = engine_config(
        workers=switches.workers, zero_stage=switches.zero, checkpoint_every_steps=EVERY, max_failures=switches.kills
    )
    found, seconds = {}, {}
    for name, tracked in (("quiet", None), ("killed", KillsItself(folder / "log", at))):
        shape = dataclasses.replace(SHAPE, dropout=0.2)
        plan = schedule(max_steps=switches.steps, epochs=switches.steps)
        one = stage(world, f"students/{name}", shape=shape, schedule=plan, tracked=tracked)
        started = time.monotonic()
        train([one], config, world.workspace, name, name)
        seconds[name] = round(time.monotonic() - started, 1)
        weights = world.workspace.local_path(f"students/{name}/model.safetensors").read_bytes()
        found[name] = hashlib.sha256(weights).hexdigest()
    taken = [int(step) for step in (folder / "log").read_text().split()]
    assert found["quiet"] == found["killed"], found
    again = len(taken) - switches.steps
    print(json.dumps({"killed at": at, "steps taken again": again, "seconds": seconds, "sha256": found["quiet"]}))


if __name__ == "__main__":
    main()
