"""From label stores to what a stage learns: calibration, signals, identities."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.quality import quality
from tmkd.models.folders import base_folder
from tmkd.models.student_config import soft_header
from tmkd.soft_labels.calibration import (
    Calibration,
    fit_platt,
    fit_temperature,
    fit_unlabelled,
    save_calibration,
    to_class_logits,
)
from tmkd.soft_labels.golden import GOLDEN
from tmkd.soft_labels.golden_counts import golden_counts
from tmkd.soft_labels.join import join_shard
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.teachers.base import model_facts
from tmkd.teachers.folder import load_tokenizer
from tmkd.training.stage_parts import Reading, Signal
from tmkd.workspace import HASH_SUFFIX, Workspace, fingerprint, labels_folder

ATTENTION_STORE = "attention"
"""What the store of where all readers look together is called, beside those of the teachers."""
LEARNED = ("unlabeled", "train")
"""Splits whose soft labels the student learns from."""
HELD_OUT = "validation"
"""The split that temperatures are fitted on and the best teacher is chosen by."""
READERS = 8
CALIBRATION_SHARDS = 8
"""Shards that a calibration is fitted on at most; two parameters need no more."""


def calibrate(context: Context, corpus: CorpusManifest, teacher: str) -> Calibration | None:
    """Fit the calibration of a single-logit teacher; None if it has C logits.

    It is fitted on golden labels where they are of both classes, else on the scores alone.
    """
    if teacher_columns(context, corpus, teacher) != 1:
        return None
    scores, labels = _scores(context, corpus, calibration_split(context, corpus), teacher)
    if set(np.unique(labels[(labels >= 0) & np.isfinite(scores[:, 0])]).tolist()) == {0, 1}:
        calibration = fit_platt(scores[:, 0], labels)
    else:
        kind = context.recipe.teachers[teacher].kind
        calibration = fit_unlabelled(scores[:, 0], "bi_encoder" if kind == "bi_encoder" else "classifier")
    save_calibration(context.workspace, corpus.name, teacher, calibration)
    return calibration


def calibration_split(context: Context, corpus: CorpusManifest) -> str:
    """Return the split that single logits are calibrated on.

    That is ``train`` where its golden labels are of several classes (in the shards that are used), else ``unlabeled``
    where teachers label that: candidates of every kind, where ``train`` may hold positives alone.
    """
    shards = corpus.shards("train")[:CALIBRATION_SHARDS]
    if corpus.has_labels("train") and len(golden_counts(context.workspace, corpus.name, "train", shards)) > 1:
        return "train"
    is_labelled = corpus.rows("unlabeled") and (context.recipe.pretrain.enabled or not corpus.rows("train"))
    return "unlabeled" if is_labelled else "train"


def before_averaging(context: Context, corpus: CorpusManifest, teacher: str) -> Calibration | None:
    """Return what a teacher of pairs goes through before it is averaged with others, and record it.

    That is the calibration of a single logit, or the temperature of C logits, fitted on the validation split, on which
    no teacher is trained; None where nobody has judged that.
    """
    found = calibrate(context, corpus, teacher)
    if found is not None or not corpus.has_labels(HELD_OUT):
        return found
    fitted = fit_temperature(*_scores(context, corpus, HELD_OUT, teacher))
    save_calibration(context.workspace, corpus.name, teacher, fitted)
    return fitted


def signal(context: Context, corpus: CorpusManifest, teachers: list[str]) -> Signal:
    """Return the soft labels of one teacher, or of the weighted mean of several."""
    is_mean = len(teachers) > 1 and context.recipe.task.has_classes
    calibrations = tuple((before_averaging if is_mean else calibrate)(context, corpus, name) for name in teachers)
    made_by = [[teacher_identity(context, corpus, each), *_gaps(context, corpus, each)] for each in teachers]
    weights = [context.recipe.teachers[name].weight if is_mean else 1.0 for name in teachers]
    shares = tuple(weight / sum(weights) for weight in weights)
    identity = fingerprint([made_by, [c and (c.scale, c.shift) for c in calibrations], shares])
    return Signal(tuple(teachers), calibrations, identity, shares)


def signals(context: Context, corpus: CorpusManifest) -> dict[str, Signal]:
    """Return the soft headers that the recipe asks for, each with what it learns from."""
    recipe, asked = context.recipe, context.recipe.student.soft_headers
    if asked == "mean":
        header = soft_header(asked) if recipe.task.has_classes else GOLDEN
        return {header: signal(context, corpus, list(recipe.teachers))}
    if asked != "each":
        teacher = best_teacher(context, corpus) if asked == "best" else asked
        return {soft_header(teacher): signal(context, corpus, [teacher])}
    weights = {name: entry.weight for name, entry in recipe.teachers.items() if entry.weight}
    return {
        soft_header(name): dataclasses.replace(signal(context, corpus, [name]), weight=weight)
        for name, weight in weights.items()
    }


def best_teacher(context: Context, corpus: CorpusManifest) -> str:
    """Return the teacher of pairs that is best on the validation split: by AUC, of more than two classes by accuracy.

    One without a weight is left out of it, as of everything that learns.

    Raises:
        UserError: if nobody has judged that split.
    """
    if not corpus.has_labels(HELD_OUT):
        raise UserError(
            f"student.soft_headers: best is chosen by golden labels of the {HELD_OUT} split, and corpus {corpus.name} "
            f"has none; name a teacher: {', '.join(context.recipe.teachers)}"
        )

    names = [name for name, entry in context.recipe.teachers.items() if entry.weight]
    each = {name: _scores(context, corpus, HELD_OUT, name) for name in names}
    labels = next(iter(each.values()))[1]
    scored = {name: (labels >= 0) & np.isfinite(scores).all(axis=1) for name, (scores, _) in each.items()}
    used = np.logical_and.reduce(list(scored.values()))  # the same rows for all, or a few easy ones would win

    def merit(teacher: str) -> float:
        logits = to_class_logits(each[teacher][0][used], calibrate(context, corpus, teacher), len(corpus.classes))
        found = quality(labels[used], softmax(logits, axis=1), np.arange(int(used.sum())).astype(str))
        merits = (found.auc if len(corpus.classes) == 2 else None, found.accuracy)
        merit = next((value for value in merits if value is not None), None)
        if merit is None:
            fewest = min(names, key=lambda name: int(scored[name].sum()))
            raise UserError(
                f"student.soft_headers: best, but no judged row of the {HELD_OUT} split of {corpus.name} was scored by "
                f"every teacher ({fewest} has scored {int(scored[fewest].sum()):,}); label again "
                "(jobs/label_corpus.py --requeue), or name a teacher"
            )
        return float(merit)

    return max(names, key=lambda name: (merit(name), int(scored[name].sum())))


def reading(context: Context, max_question_tokens: int, overlap: int) -> Reading | None:
    """Return how a span stage reads; None for pairs."""
    if not context.recipe.task.has_answers:
        return None
    return Reading(max_question_tokens, overlap, context.recipe.reading.unanswerable)


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


def base_identity(workspace: Workspace, model: str, key: str) -> str:
    """Return the fingerprint of the weights and vocabulary that a training starts from, wherever they lie."""
    folder = base_folder(workspace, model, key)
    stats = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return _base_identity(folder, tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats))


@cache
def _base_identity(folder: Path, files: tuple[tuple[str, int, int], ...]) -> str:
    """Read a base once for all stages that are told apart by it; ``files`` says whether it is still the same."""
    return fingerprint(model_facts(folder, load_tokenizer(folder)))


def golden_identity(context: Context, corpus: CorpusManifest, split: str) -> str:
    """Return the fingerprint of a split's golden labels; new judgements change it.

    Raises:
        DamagedError: if labels are not those that were published, so that their hashes say nothing about them.
    """
    folder, workspace = labels_folder(corpus.name, split, GOLDEN), context.workspace
    names = workspace.list(folder, HASH_SUFFIX)
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(lambda name: workspace.check(f"{folder}/{name.removesuffix(HASH_SUFFIX)}"), names))
        hashes = list(pool.map(lambda name: workspace.read_bytes(f"{folder}/{name}").decode(), names))
    return fingerprint(hashes)


def _scores(context: Context, corpus: CorpusManifest, split: str, teacher: str) -> tuple[np.ndarray, np.ndarray]:
    store = {teacher: LabelStore(context.workspace, corpus.name, split, teacher)}
    joined = [
        join_shard(context.workspace, corpus.name, split, shard, store)
        for shard in corpus.shards(split)[:CALIBRATION_SHARDS]
    ]
    return np.concatenate([j.logits[teacher] for j in joined]), np.concatenate([j.labels for j in joined])
