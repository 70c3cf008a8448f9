"""What finished span readers say of a split, and how fast: loaded once, in one Ray task on the best device there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tmkd.cluster import progress_poster, setup_worker
from tmkd.evaluation.alone import PROGRESS, run_alone
from tmkd.evaluation.span_answers import Readings
from tmkd.evaluation.speed import measure_pairs_per_second
from tmkd.models.folders import fetch, local_folder
from tmkd.placement import Placement
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import resolve_device, resolve_precision, set_threads
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.span_reader import SpanReader
from tmkd.text.span_projection import grids_of
from tmkd.text.tokens import TokenCache, tokenize, tokenize_whole
from tmkd.workspace import Workspace

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SpanTask:
    """What to read and to time.

    Attributes:
        students: model's name -> its config and folder of the workspace; they are read and timed.
        teachers: teacher's name -> its config and model; they are only timed, their labels are stored.
        seconds: to time every model for; 0 = no timing.
        pairs: (question, context) to time on.
        placement: of the training, whose nodes it runs on.
    """

    workspace: Workspace
    corpus: str
    fingerprints: Mapping[str, str]
    split: str
    shards: tuple[str, ...]
    students: Mapping[str, tuple[TeacherConfig, str]]
    teachers: Mapping[str, tuple[TeacherConfig, str]]
    seconds: float
    pairs: Pairs
    placement: Placement

    @property
    def models(self) -> int:
        """How many are read with or timed."""
        return len(self.students) + (len(self.teachers) if self.seconds else 0)


@dataclass(frozen=True)
class SpanMeasured:
    """What was found: a student's readings, and of every model its rate (tokenising included) and its size."""

    readings: dict[str, Readings]
    pairs_per_second: dict[str, float]
    parameters: dict[str, int]


def measure_spans(task: SpanTask) -> SpanMeasured:
    """Read the split with every student and time every model, alone on its device, one after the other."""
    return run_alone(_measure, task, "reading and timing", task.models, task.placement, timed=task.seconds > 0)


def _measure(task: SpanTask, threads: int) -> SpanMeasured:
    setup_worker()
    set_threads(threads)
    post, found, total = progress_poster(PROGRESS), SpanMeasured({}, {}, {}), task.models
    for name, (config, where) in task.students.items():
        folder = fetch(task.workspace, where)
        reader = _load(config, folder)
        found.readings[name] = _read(task, name, reader, folder)
        _time(task, name, reader, folder, found)
        post(len(found.parameters), total)
    for name, (config, model) in task.teachers.items() if task.seconds else ():
        folder = local_folder(model, f"teachers.{name}.model")
        _time(task, name, _load(config, folder), folder, found)
        post(len(found.parameters), total)
    return found


def _load(config: TeacherConfig, folder: Path) -> SpanReader:
    device = resolve_device("auto")
    return SpanReader.load(config, folder, Host(device, resolve_precision(config.precision, device)))


def _read(task: SpanTask, name: str, reader: SpanReader, folder: Path) -> Readings:
    cache = TokenCache(task.workspace, task.corpus, task.fingerprints, load_tokenizer(folder))
    logits, grids, null = [], [], []
    for shard in task.shards:
        question, context = (cache.read(task.split, shard, column)[1] for column in ("question", "context"))
        said = Readings.of(
            reader.score(question, context).complete(f"student {name}"), grids_of(*cache.grids(task.split, shard))
        )
        logits += said.logits
        grids += said.grids
        null.append(said.null)
    return Readings(logits, grids, np.concatenate(null))


def _time(task: SpanTask, name: str, reader: SpanReader, folder: Path, found: SpanMeasured) -> None:
    found.parameters[name] = reader.parameter_count
    if not task.seconds:
        return
    tokenizer = load_tokenizer(folder)

    def score(pairs: Pairs) -> Any:
        contexts = tokenize_whole(tokenizer, [context for _, context in pairs])["tokens"]
        return reader.score(tokenize(tokenizer, [question for question, _ in pairs]), contexts)

    found.pairs_per_second[name] = measure_pairs_per_second(score, task.pairs, task.seconds)
