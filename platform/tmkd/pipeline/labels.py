"""From label stores to what a stage learns: calibration, signals, identities."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.models.folders import local_folder
from tmkd.models.student_config import soft_header
from tmkd.pipeline.context import Context
from tmkd.soft_labels.calibration import Calibration, fit_platt, fit_unlabelled, save_calibration
from tmkd.soft_labels.golden import GOLDEN
from tmkd.soft_labels.join import join_shard
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.base import model_facts
from tmkd.teachers.folder import load_tokenizer
from tmkd.training.stage import Reading, Signal
from tmkd.workspace import HASH_SUFFIX, fingerprint, labels_folder

ATTENTION_STORE = "attention"
"""What the store of where all readers look together is called, beside those of the teachers."""
LEARNED = ("unlabeled", "train")
"""Splits whose soft labels the student learns from."""
CALIBRATION_SHARDS = 8
"""Shards that a calibration is fitted on at most; two parameters need no more."""


def calibrate(context: Context, corpus: CorpusManifest, teacher: str) -> Calibration | None:
    """Fit the calibration of a single-logit teacher, on golden labels where there are some; None if it has C logits."""
    if teacher_columns(context, corpus, teacher) != 1:
        return None
    labelled = corpus.has_labels("train")
    split = "train" if labelled else "unlabeled"
    scores, labels = _scores(context, corpus, split, teacher)
    if labelled:
        calibration = fit_platt(scores[:, 0], labels)
    else:
        kind = context.recipe.teachers[teacher].kind
        calibration = fit_unlabelled(scores[:, 0], "bi_encoder" if kind == "bi_encoder" else "classifier")
    save_calibration(context.workspace, corpus.name, teacher, calibration)
    return calibration


def signal(context: Context, corpus: CorpusManifest, teachers: list[str]) -> Signal:
    """Return the soft labels of one teacher, or of the mean of several."""
    calibrations = tuple(calibrate(context, corpus, teacher) for teacher in teachers)
    made_by = [[teacher_identity(context, corpus, each), *_gaps(context, corpus, each)] for each in teachers]
    return Signal(
        tuple(teachers), calibrations, fingerprint([made_by, [c and (c.scale, c.shift) for c in calibrations]])
    )


def signals(context: Context, corpus: CorpusManifest) -> dict[str, Signal]:
    """Return a soft header for every teacher of the recipe, or the golden header for the mean of them."""
    if context.recipe.student.soft_headers == "mean":
        return {GOLDEN: signal(context, corpus, list(context.recipe.teachers))}
    return {soft_header(teacher): signal(context, corpus, [teacher]) for teacher in context.recipe.teachers}


def reading(context: Context, max_question_tokens: int, overlap: int, **more: Any) -> Reading | None:
    """Return how a span stage reads; None for pairs."""
    if context.recipe.corpus.task == "pair":
        return None
    return Reading(max_question_tokens, overlap, context.recipe.reading.unanswerable, **more)


def teacher_identity(context: Context, corpus: CorpusManifest, teacher: str) -> str:
    """Return the fingerprint of what made a teacher's labels, whatever corpus they are of."""
    made_by = _identity(context, corpus, teacher)
    return fingerprint({key: value for key, value in made_by.items() if key not in ("corpus", "column_order")})


def _gaps(context: Context, corpus: CorpusManifest, teacher: str) -> list[tuple[str, int]]:
    """Return how many rows without a score each learned split holds: who learned around them learns again once they
    are scored.
    """
    manifests = {split: LabelStore(context.workspace, corpus.name, split, teacher).manifest for split in LEARNED}
    return [(split, int(found["rejected"])) for split, found in manifests.items() if found and found["rejected"]]


def teacher_columns(context: Context, corpus: CorpusManifest, teacher: str) -> int:
    """Return C of a teacher's label stores."""
    return int(_identity(context, corpus, teacher)["columns"])


def _identity(context: Context, corpus: CorpusManifest, teacher: str) -> dict[str, Any]:
    for split in corpus.splits:
        store = LabelStore(context.workspace, corpus.name, split, teacher)
        if store.identity:
            return dict(store.identity)
    raise UserError(f"{teacher}: has no soft labels on corpus {corpus.name}; run jobs/label_corpus.py first")


def base_identity(model: str, key: str) -> str:
    """Return the fingerprint of the weights and vocabulary that a training starts from, wherever they lie."""
    folder = local_folder(model, key)
    stats = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return _base_identity(folder, tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))


@cache
def _base_identity(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """Read a base once for all stages that are told apart by it; ``files`` says whether it is still the same."""
    return fingerprint(model_facts(folder, load_tokenizer(folder)))


def golden_identity(context: Context, corpus: CorpusManifest, split: str) -> str:
    """Return the fingerprint of a split's golden labels; new judgements change it."""
    folder = labels_folder(corpus.name, split, GOLDEN)
    hashes = [
        context.workspace.read_bytes(f"{folder}/{name}").decode()
        for name in context.workspace.list(folder, HASH_SUFFIX)
    ]
    return fingerprint(hashes)


def _scores(context: Context, corpus: CorpusManifest, split: str, teacher: str) -> tuple[np.ndarray, np.ndarray]:
    store = {teacher: LabelStore(context.workspace, corpus.name, split, teacher)}
    joined = [
        join_shard(context.workspace, corpus.name, split, shard, store)
        for shard in corpus.shards(split)[:CALIBRATION_SHARDS]
    ]
    return np.concatenate([j.logits[teacher] for j in joined]), np.concatenate([j.labels for j in joined])
