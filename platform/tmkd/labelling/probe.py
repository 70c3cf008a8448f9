"""The probe: some seconds on the first shard tell which runtime and number format a host labels fastest with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tmkd.cluster import setup_worker
from tmkd.errors import UserError
from tmkd.models.folders import local_folder
from tmkd.runtimes.base import FloatArray
from tmkd.runtimes.fidelity import Fidelity, fidelity
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import has_fast_bf16, set_threads
from tmkd.tasks.features import Ragged
from tmkd.tasks.tokens import TokenCache
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kinds import teacher_class
from tmkd.workspace import Workspace

WARM_ROWS = 16
SECONDS = 4.0
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
    if device == "cpu" and _has_onnx():
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
    scorer = _Scorer(config, folder, question, passage)
    reference, speed, rows = scorer.reference(device)
    tried = []
    for host in candidates(config, device):
        if host == Host(device, "fp32"):
            tried.append(Tried(host, speed, Fidelity(0.0, 1.0)))
            continue
        try:
            scores, speed_there = scorer.timed(host, rows)
        except UserError:
            continue  # this model cannot be exported
        tried.append(Tried(host, speed_there, fidelity(reference, scores)))
    return tried


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

    def reference(self, device: str) -> tuple[FloatArray, float, int]:
        """Return fp32 scores of as many rows as some seconds allow, their rate, and how many rows these are."""
        teacher = self._load(Host(device, "fp32"))
        self._time(teacher, WARM_ROWS)
        rate = WARM_ROWS / self._time(teacher, WARM_ROWS)[1]
        rows = int(np.clip(rate * SECONDS, MIN_ROWS, MAX_ROWS))
        scores, seconds = self._time(teacher, rows)
        return scores, len(scores) / seconds, rows

    def timed(self, host: Host, rows: int) -> tuple[FloatArray, float]:
        teacher = self._load(host)
        self._time(teacher, WARM_ROWS)
        scores, seconds = self._time(teacher, rows)
        return scores, len(scores) / seconds

    def _load(self, host: Host) -> Any:
        return teacher_class(self.config.kind).load(self.config, self.folder, host)

    def _time(self, teacher: Any, rows: int) -> tuple[FloatArray, float]:
        picked = np.unique(np.linspace(0, len(self.question) - 1, min(rows, len(self.question))).astype(np.int64))
        columns = [_pick(column, picked) for column in (self.question, self.passage)]
        started = time.perf_counter()
        scores: FloatArray = teacher.score(*columns).values
        return scores, time.perf_counter() - started


def _pick(column: Ragged, rows: np.ndarray) -> Ragged:
    texts = [column.row(int(row)) for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    return Ragged(np.concatenate(texts), offsets)


def _has_onnx() -> bool:
    from tmkd.runtimes.onnx_export import available

    return available()
