"""How fast every shape is: one pair and many, on every runtime, alone on the device and once for the whole search."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmkd.cluster import progress_poster, setup_worker
from tmkd.errors import UserError
from tmkd.evaluation.alone import PROGRESS, run_alone
from tmkd.evaluation.scorer import Scorer
from tmkd.evaluation.task_scoring import Pairs, TextLimits
from tmkd.models.folders import fetch
from tmkd.placement import Placement
from tmkd.runtimes.base import FloatArray
from tmkd.runtimes.fidelity import fidelity
from tmkd.runtimes.host import Host
from tmkd.runtimes.onnx_export import available
from tmkd.runtimes.precision import has_fast_bf16, resolve_device, set_threads
from tmkd.workspace import Workspace

log = logging.getLogger(__name__)
COMPARED = 128
"""Pairs on which a runtime must say what torch says in fp32."""


@dataclass(frozen=True)
class Timing:
    """What to time.

    Attributes:
        students: name of a shape -> folder of a student that has it.
        pairs: texts to time on.
        max_length: tokens of a pair.
        seconds: for each shape, runtime and way (one pair, many).
        placement: of the training, whose nodes it runs on.
    """

    workspace: Workspace
    students: Mapping[str, str]
    pairs: Pairs
    max_length: int
    seconds: float
    placement: Placement


@dataclass(frozen=True)
class Timed:
    """One shape on one runtime.

    Attributes:
        milliseconds: median over single pairs, tokenising included.
        pairs_per_second: of many pairs, tokenising included.
        is_faithful: whether it passes the gate of labelling against fp32; else it is shown and not counted on.
    """

    milliseconds: float
    pairs_per_second: float
    is_faithful: bool


@dataclass(frozen=True)
class ShapeSpeed:
    """How fast a shape is.

    Attributes:
        each: runtime and precision, such as ``torch-cpu bf16`` -> what was timed.
        parameters: of the student.
    """

    each: dict[str, Timed]
    parameters: int

    @property
    def milliseconds(self) -> float:
        """Of one pair on the faithful runtime that is fastest for it."""
        return min(timed.milliseconds for timed in self._faithful)

    @property
    def pairs_per_second(self) -> float:
        """Of many pairs on the faithful runtime that is fastest for them."""
        return max(timed.pairs_per_second for timed in self._faithful)

    @property
    def _faithful(self) -> list[Timed]:
        return [timed for timed in self.each.values() if timed.is_faithful]

    def figures(self) -> dict[str, float]:
        """Return what trials report beside their quality."""
        return {
            "milliseconds": self.milliseconds,
            "pairs_per_second": self.pairs_per_second,
            "parameters": float(self.parameters),
        }

    def as_json(self) -> dict[str, Any]:
        return {
            **self.figures(),
            "runtimes": {
                name: {
                    "milliseconds": timed.milliseconds,
                    "pairs_per_second": timed.pairs_per_second,
                    "faithful": timed.is_faithful,
                }
                for name, timed in self.each.items()
            },
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ShapeSpeed:
        """Read what `as_json` returned."""
        each = {
            name: Timed(timed["milliseconds"], timed["pairs_per_second"], timed["faithful"])
            for name, timed in found["runtimes"].items()
        }
        return cls(each, int(found["parameters"]))


def machine(placement: Placement) -> dict[str, Any]:
    """Return what speed depends on beside the student: cores, accelerators and processor of the nodes that may time."""
    there = placement.in_reach("training")
    kinds = sorted(name for name in there if name.startswith("accelerator_type"))
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {"CPU": there.get("CPU"), "GPU": there.get("GPU", 0), "kinds": kinds, "processor": model}


def time_shapes(timing: Timing) -> dict[str, ShapeSpeed]:
    """Time one student of every shape, one after the other, in a task that has the best device to itself."""
    return run_alone(_time_all, timing, "timing shapes", len(timing.students), timing.placement)


def _time_all(timing: Timing, threads: int) -> dict[str, ShapeSpeed]:
    setup_worker()
    set_threads(threads)
    post, found = progress_poster(PROGRESS), {}
    for name, folder in timing.students.items():
        found[name] = _time_one(fetch(timing.workspace, folder), timing)
        post(len(found), len(timing.students))
    return found


def hosts(device: str) -> list[Host]:
    """Return the ways in which this host can run a student, fp32 on torch first."""
    ways = [Host(device, "fp32"), *([Host(device, "bf16")] if has_fast_bf16(device) else [])]
    return [*ways, *([Host("cpu", "fp32", "onnx"), Host("cpu", "int8", "onnx")] if available() else [])]


def _time_one(folder: Path, timing: Timing) -> ShapeSpeed:
    each: dict[str, Timed] = {}
    reference: FloatArray | None = None
    parameters = 0
    for host in hosts(resolve_device("auto")):
        way = f"{host.backend} {host.precision}"
        try:
            scorer = Scorer.open(folder, TextLimits(timing.max_length), host, way)
            said = scorer.raw(timing.pairs[:COMPARED]).complete(way)
        except UserError as error:
            if reference is None:
                raise
            log.warning("%s is left out: %s", way, error)  # no graph can be made of it, or it cannot score these pairs
            continue
        reference = said if reference is None else reference
        parameters = scorer.parameter_count
        each[way] = Timed(
            scorer.milliseconds(timing.pairs, timing.seconds),
            scorer.pairs_per_second(timing.pairs, timing.seconds),
            said is reference or fidelity(reference, said).passes,
        )
    return ShapeSpeed(each, parameters)
