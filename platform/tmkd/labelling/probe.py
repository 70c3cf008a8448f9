"""The probe: some seconds on the first shard tell which runtime and number format a host labels fastest with."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tmkd.cluster import setup_worker
from tmkd.errors import UserError
from tmkd.models.folders import local_folder
from tmkd.runtimes.base import FloatArray
from tmkd.runtimes.failures import summary
from tmkd.runtimes.fidelity import Fidelity, fidelity
from tmkd.runtimes.host import Host
from tmkd.runtimes.onnx_export import available
from tmkd.runtimes.precision import has_fast_bf16, set_threads
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.features import Ragged
from tmkd.text.tokens import TokenCache
from tmkd.workspace import Workspace

log = logging.getLogger(__name__)
WARM_ROWS = 16
SECONDS = 4.0
STEADY_S = 1.0
MIN_ROWS, MAX_ROWS = 64, 512


@dataclass(frozen=True)
class Tried:
    """One way to score, as it did on this host."""

    host: Host
    pairs_per_second: float
    fidelity: Fidelity

    def figures(self) -> dict[str, Any]:
        """Return what goes into the identity of the labels."""
        return {
            "pairs_per_second": round(self.pairs_per_second, 1),
            "p99_probability": round(self.fidelity.p99, 5),
            "kendall_tau": round(self.fidelity.tau, 5),
            "faithful": self.fidelity.passes,
        }


def candidates(config: TeacherConfig, device: str) -> list[Host]:
    """Return the ways of scoring that a recipe leaves open on ``device`` of this host."""
    hosts = [Host(device, "fp32")]
    if has_fast_bf16(device):
        hosts.append(Host(device, "bf16"))
    if device == "cpu" and available():
        hosts += [Host("cpu", "fp32", "onnx"), Host("cpu", "int8", "onnx")]
    return [
        host
        for host in hosts
        if config.runtime in ("auto", host.runtime) and config.precision in ("auto", host.precision)
    ]


@dataclass(frozen=True)
class Probing:
    """Where a probe finds rows to try on, and how many ``pairs`` are to be labelled in all."""

    workspace: Workspace
    corpus: str
    split: str
    split_fingerprint: str
    shard: str
    teacher: str
    folder: str
    pairs: int


def probe_shard(probing: Probing, config: TeacherConfig, device: str, threads: int) -> list[Tried]:
    """Probe on the rows of a corpus shard; runs as a Ray task where an actor would."""
    setup_worker()
    set_threads(threads)
    split, shard = probing.split, probing.shard
    fingerprints = {split: probing.split_fingerprint}
    path = local_folder(probing.folder, f"teachers.{probing.teacher}.model")
    tokenizer = load_tokenizer(path)
    card = teacher_class(config.kind).describe(config, path, tokenizer)
    cache = TokenCache(probing.workspace, probing.corpus, fingerprints, tokenizer)
    question = cache.read(split, shard, "question", card.question_view(config))[1]
    return probe(config, path, question, cache.read(split, shard, "passage", card.reads[1])[1], device)


def probe(config: TeacherConfig, folder: Path, question: Ragged, passage: Ragged, device: str) -> list[Tried]:
    """Score some of the rows in every way that is open, and compare each with torch in fp32."""
    scorer, open_ways = _Scorer(config, folder, question, passage), candidates(config, device)
    reference, rows, tried = _reference(scorer, device)
    for host in open_ways:
        if host == Host(device, "fp32"):
            continue
        try:
            scores, speed = scorer.timed(host, rows)
        except Exception as error:  # it cannot be exported, lacks an operator, does not fit into memory
            _leave_out(host, error)
            continue
        tried.append(Tried(host, speed, fidelity(reference, scores)))
    return [each for each in tried if each.host in open_ways]


def _reference(scorer: _Scorer, device: str) -> tuple[FloatArray, int, list[Tried]]:
    """Return fp32 scores, of how many rows, and their way, if it is one: fp32 may fit on the CPU alone."""
    host = Host(device, "fp32")
    try:
        scores, speed, rows = scorer.reference(host)
    except Exception as error:
        if device == "cpu":
            raise
        _leave_out(host, error)
        scores, _, rows = scorer.reference(Host("cpu", "fp32"))
        return scores, rows, []
    return scores, rows, [Tried(host, speed, Fidelity(0.0, 1.0))]


def _leave_out(host: Host, error: Exception) -> None:
    log.warning("%s %s is not tried any further: %s", host.backend, host.precision, summary(error))


def fastest(tried: list[Tried]) -> Tried:
    """Return the fastest way that is faithful to fp32.

    Raises:
        UserError: if the recipe leaves only ways open that are not.
    """
    faithful = [each for each in tried if each.fidelity.passes]
    if not faithful:
        found = "; ".join(f"{t.host.backend} {t.host.precision}: {t.figures()}" for t in tried)
        raise UserError(f"no runtime and precision that the recipe allows is faithful to fp32 ({found or 'none runs'})")
    return max(faithful, key=lambda each: each.pairs_per_second)


class _Scorer:
    """Scores a sample of a shard's rows in one way after the other."""

    def __init__(self, config: TeacherConfig, folder: Path, question: Ragged, passage: Ragged) -> None:
        self.config, self.folder, self.question, self.passage = config, folder, question, passage

    def reference(self, host: Host) -> tuple[FloatArray, float, int]:
        """Return scores of as many rows as some seconds allow, their rate, and how many rows these are."""
        teacher = self._load(host)
        self._time(teacher, WARM_ROWS)
        rate = WARM_ROWS / self._time(teacher, WARM_ROWS)[1]
        rows = int(np.clip(rate * SECONDS, MIN_ROWS, MAX_ROWS))
        scores, seconds = self._time_steadily(teacher, rows)
        return scores, len(scores) / seconds, rows

    def timed(self, host: Host, rows: int) -> tuple[FloatArray, float]:
        teacher = self._load(host)
        self._time(teacher, WARM_ROWS)
        scores, seconds = self._time_steadily(teacher, rows)
        return scores, len(scores) / seconds

    def _load(self, host: Host) -> Any:
        return teacher_class(self.config.kind).load(self.config, self.folder, host)

    def _time_steadily(self, teacher: Any, rows: int) -> tuple[FloatArray, float]:
        """Time rows once where that takes a while, else repeatedly for the best time: first batches are cold."""
        scores, best = self._time(teacher, rows)
        spent = best
        while spent < STEADY_S:
            seconds = self._time(teacher, rows)[1]
            best, spent = min(best, seconds), spent + seconds
        return scores, best

    def _time(self, teacher: Any, rows: int) -> tuple[FloatArray, float]:
        picked = np.unique(np.linspace(0, len(self.question) - 1, min(rows, len(self.question))).astype(np.int64))
        columns = [
            Ragged.of([column.row(int(row)) for row in picked], column.values.dtype)
            for column in (self.question, self.passage)
        ]
        started = time.perf_counter()
        scores: FloatArray = teacher.score(*columns).values
        return scores, time.perf_counter() - started
