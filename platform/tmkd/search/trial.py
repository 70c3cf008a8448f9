"""A trial: one stage 2, trained a rung at a time in a process of its own, so that Tune can stop it and go on with it.

It trains in-process, without Ray Train: the workers of a trainer inside a trial would keep their CPUs when the trial is
stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from ray import tune

from tmkd.cluster import setup_worker
from tmkd.errors import UserError
from tmkd.runtimes.allocator import keep_freed_memory
from tmkd.runtimes.precision import resolve_device, set_threads
from tmkd.training import checkpoints, engine
from tmkd.training.config import EngineConfig
from tmkd.training.loop import StageRun
from tmkd.training.plan import Plan, finished
from tmkd.training.stage import Stage
from tmkd.workspace import Workspace

ACCURACY, CROSS_ENTROPY = "validation_accuracy", "validation_cross_entropy"
QUALITIES = {ACCURACY: "max", CROSS_ENTROPY: "min"}
"""What a search may go by, and which way is better."""
SHAPE = "shape"


@dataclass(frozen=True)
class Lab:
    """What all trials of a study share.

    Attributes:
        stage_of: a trial's parameters -> its stage 2, starting from a stage 1 that is there.
        engine: micro-batches, precision; ``validations`` is the number of rungs.
        workspace: where corpora, labels and students lie.
        threads: torch threads of a trial.
        on_gpu: whether trials have one.
        speed: name of a shape -> what was timed of it, reported with every result.
    """

    stage_of: Callable[[Mapping[str, Any]], Stage]
    engine: EngineConfig
    workspace: Workspace
    threads: int
    speed: Mapping[str, Mapping[str, float]]
    on_gpu: bool = False

    @property
    def rungs(self) -> int:
        return self.engine.validations


class Trial(tune.Trainable):
    """Trains to the next rung at every ``step`` and publishes the student after the last one."""

    def setup(self, config: dict[str, Any], lab: Lab | None = None) -> None:
        assert lab is not None
        self.lab = lab
        setup_worker()
        set_threads(lab.threads)
        self.device = resolve_device("auto" if lab.on_gpu else "cpu")
        engine.prepare_process(self.device)
        _join_alone(self.device)
        if self.device == "cpu":
            keep_freed_memory()
        self._begin(config)

    def _begin(self, config: dict[str, Any]) -> None:
        self.stage = self.lab.stage_of(config)
        self.figures = dict(self.lab.speed[config[SHAPE]])
        self.run_: StageRun | None = None
        self.taken: Iterator[int] | None = None
        self.rung = 0
        note = finished(self.lab.workspace, self.stage)
        self.note = note if note and all(note["history"].get(name) for name in QUALITIES) else None

    def step(self) -> dict[str, Any]:
        """Train to the next rung.

        Returns:
            Quality on the validation split, the shape's speed, and where the student is once it is finished.

        Raises:
            DivergedError: if the loss is no longer a number.
        """
        self.rung += 1
        history = self.note["history"] if self.note else self._train()
        steps = rung_steps(self.stage.steps, self.lab.rungs)[self.rung - 1]
        found = {name: _after(history[name], steps) for name in QUALITIES}
        last = self.rung >= self.lab.rungs
        return {**found, **self.figures, "steps": steps, "folder": self.stage.output if last else "", "done": last}

    def _train(self) -> dict[str, list[list[float]]]:
        run = self._running()
        target = rung_steps(self.stage.steps, self.lab.rungs)[self.rung - 1]
        assert self.taken is not None
        for done in self.taken:
            if done >= target:
                break
        if self.rung >= self.lab.rungs:
            run.finish()
        return run.history

    def _running(self) -> StageRun:
        if self.run_ is None:
            self.run_ = StageRun(self.stage, self._plan(), self.device, 0)
            self.taken = self.run_.steps()
        return self.run_

    def _plan(self) -> Plan:
        return Plan((self.stage,), self.lab.engine, self.lab.workspace, progress="")

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write DeepSpeed's checkpoint; of a student that was finished before, nothing."""
        if self.run_ is not None:
            done = int(self.run_.history[ACCURACY][-1][0])
            checkpoints.write(self.run_.engine, self.run_.key, done, self.run_.history, checkpoint_dir)
        else:
            with open(os.path.join(checkpoint_dir, "finished"), "w"):  # noqa: PTH118, PTH123 - Tune wants a file
                pass
        self.kept_rung = self.rung

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Go on where `save_checkpoint` left off."""
        self.rung = self.iteration
        if self.note is None:
            run = self._running()
            run.go_on(*checkpoints.read(run.engine, run.key, checkpoint_dir))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up another trial in the same process: its imports are paid."""
        self._begin(new_config)
        return True


def rung_steps(steps: int, rungs: int) -> list[int]:
    """Return after how many steps each rung ends; where validation measures."""
    return [max(1, round(steps * part / rungs)) for part in range(1, rungs + 1)]


def _after(points: Sequence[Sequence[float]], steps: int) -> float:
    """Return what was measured after so many steps, or last before them.

    A student that was trained before, by a comparison or with other rungs, was measured at other moments, but like all
    of them after its last step.
    """
    return float(next((value for step, value in reversed(points) if step <= steps), points[0][1]))


def _join_alone(device: str) -> None:
    """Make the process group of one that DeepSpeed works in; no other process could join it, and no port is open."""
    if torch.distributed.is_initialized():
        return
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1")
    backend = "nccl" if device.startswith("cuda") else "gloo"
    torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)


def check_rungs(steps: int, rungs: int) -> None:
    """Raise `UserError` if stage 2 is too short to be judged so often."""
    if len(set(rung_steps(steps, rungs))) < rungs:
        raise UserError(f"search.rungs: {rungs}, but stage 2 has {steps} steps; give at most {max(steps, 1)}")
