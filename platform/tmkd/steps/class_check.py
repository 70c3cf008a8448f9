"""Whether a teacher's columns can be told apart before it labels: by name, or by how it answers golden questions."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tmkd.console import note
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.class_order import LEVEL, OrderFit, fit_order
from tmkd.evaluation.class_sample import ClassSample, sample_probabilities
from tmkd.models.folders import everywhere, local_folder
from tmkd.recipe.teacher import TeacherEntry
from tmkd.soft_labels.golden import read_golden
from tmkd.soft_labels.golden_counts import golden_counts
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.steps.labels import CALIBRATION_SHARDS
from tmkd.tasks.registry import task_of
from tmkd.teachers.base import Card
from tmkd.teachers.classes import last_is_negative, match_classes, suggested_map, unnamed
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.workspace import corpus_folder

GOLDEN_SPLITS = ("validation", "train", "test")
"""Splits whose golden labels may tell the order of a teacher's columns, the first that has some."""
ROWS_PER_CLASS, SHARDS = 100, 64
"""Golden rows per class, and shards they are looked for in, at most."""


def check_classes(context: Context, corpus: CorpusManifest) -> None:
    """Check that every teacher's columns mean the corpus's classes, before anything is trained or labelled.

    Names that are not spelled alike are reported. Columns without names are taken by position only if golden labels
    agree clearly better with that than with every other order. A teacher whose labels are there was checked before.

    Raises:
        UserError: if names do not match, or there are none and golden labels do not tell, with the map to write.
    """
    if not task_of(corpus.task).has_classes:
        return
    for name, entry in context.recipe.teachers.items():
        stores = [LabelStore(context.workspace, corpus.name, split, name) for split in corpus.splits]
        is_labelled = any(store.identity is not None for store in stores)
        if entry.train is None and (context.relabel or not is_labelled):
            _check(context, corpus, name, entry)


def _check(context: Context, corpus: CorpusManifest, teacher: str, entry: TeacherEntry) -> None:
    if entry.kind == "bi_encoder":
        _check_sign(context, corpus, teacher)
        return
    model = everywhere(entry.model)
    folder = local_folder(model, f"teachers.{teacher}.model")
    card = teacher_class(entry.kind).describe(entry.config(), folder, load_tokenizer(folder))
    if card.columns == 1:
        _check_sign(context, corpus, teacher)
    found = match_classes(teacher, card.columns, card.classes, corpus.classes, entry.classes)
    if found.renamed:
        pairs = ", ".join(f"{theirs} = {ours}" for theirs, ours in found.renamed)
        note(f"  teachers.{teacher}: classes matched by name: {pairs}")
    if found.by_position:
        _check_position(context, corpus, teacher, model, card)


def _check_sign(context: Context, corpus: CorpusManifest, teacher: str) -> None:
    """A single logit speaks for the last class; only golden labels could turn it."""
    shards = corpus.shards("train")[:CALIBRATION_SHARDS] if corpus.has_labels("train") else []
    is_fitted = len(golden_counts(context.workspace, corpus.name, "train", shards)) > 1
    if not is_fitted and last_is_negative(corpus.classes):
        raise UserError(
            f"corpus.classes: {', '.join(corpus.classes)}: teacher {teacher!r} gives a single score, which speaks for "
            "the last class, and train has no golden labels of both classes to turn it by; put the positive class last"
        )


def _check_position(context: Context, corpus: CorpusManifest, teacher: str, model: str, card: Card) -> None:
    names, classes = list(card.classes or ()), list(corpus.classes)
    split = next((split for split in GOLDEN_SPLITS if corpus.has_labels(split)), None)
    if split is None:
        raise unnamed(teacher, names, classes)
    labels, pairs = _golden_rows(context, corpus, split)
    sample = ClassSample(teacher, context.recipe.teachers[teacher].config(), model, pairs)
    placement = context.recipe.training.placement
    fit = fit_order(labels, sample_probabilities(sample, placement), lead=True) if pairs else None
    where = f"{len(pairs):,} golden {split} pairs"
    if fit is not None and fit.is_as_read and fit.is_clear:
        note(
            f"  teachers.{teacher}: unnamed classes ({', '.join(names)}) taken as {', '.join(classes)}: balanced "
            f"accuracy {fit.accuracy:.2f} on {where}, clearly better than in any other order (p {_p(fit.p_lead)})"
        )
        return
    raise UserError(_unclear(teacher, names, classes, fit, where))


def _unclear(teacher: str, names: list[str], classes: list[str], fit: OrderFit | None, where: str) -> str:
    start = f"teachers.{teacher}.classes: the model does not name its classes ({', '.join(names)}), and "
    if fit is None:
        return f"{start}{where} of one class do not tell their order; write the map, such as " + (
            f"{suggested_map(names, classes)} if they are in this order"
        )
    wanted = suggested_map(names, classes, fit.order)
    if fit.is_clear:
        return (
            f"{start}by position they contradict the golden labels; write {wanted}, which has balanced accuracy "
            f"{fit.best:.2f} instead of {fit.accuracy:.2f} on {where}"
        )
    return (
        f"{start}{where} do not tell their order clearly (best {wanted}: balanced accuracy {fit.best:.2f}, p "
        f"{_p(fit.p_lead)} against the next, needed < {LEVEL}); write the map that the model was trained with"
    )


def _p(value: float) -> str:
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"


def _golden_rows(context: Context, corpus: CorpusManifest, split: str) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Return up to `ROWS_PER_CLASS` labels and texts of each class, from the first shards of a split."""
    taken: Counter[int] = Counter()
    labels: list[int] = []
    pairs: list[tuple[str, str]] = []
    for shard in corpus.shards(split)[:SHARDS]:
        golden = read_golden(context.workspace, corpus.name, split, shard)
        if golden is None or (len(taken) == len(corpus.classes) and min(taken.values()) >= ROWS_PER_CLASS):
            break
        path = f"{corpus_folder(corpus.name, split)}/{shard}"
        texts = context.workspace.read_table(path, ["question", "passage"]).to_pylist()
        for label, text in zip(golden.labels.tolist(), texts, strict=True):
            if label >= 0 and taken[label] < ROWS_PER_CLASS:
                taken[label] += 1
                labels.append(label)
                pairs.append((text["question"], text["passage"]))
    return np.array(labels, np.int64), pairs
