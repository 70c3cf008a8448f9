"""Cautions about models that contradict golden labels: in which order their classes would fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.class_order import Order, fit_order
from tmkd.models.folders import everywhere, local_folder
from tmkd.soft_labels.calibration import Calibration
from tmkd.steps.context import Context
from tmkd.teachers.classes import match_classes, suggested_map
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class

FloatArray = npt.NDArray[np.floating]


def caution_teachers(
    context: Context,
    corpus: CorpusManifest,
    labels: npt.NDArray[np.int64],
    teachers: Mapping[str, FloatArray],
    calibrations: Mapping[str, Calibration | None],
) -> None:
    """Add a caution for every teacher that contradicts the golden labels, and one if all of them do.

    Args:
        context: of the run, which keeps the cautions.
        corpus: that was labelled.
        labels: golden, int64 [n]; -1 = none.
        teachers: probabilities, float [n, C].
        calibrations: what their scores were read through; a negative slope turned a single score round.
    """
    turned = 0
    for name, probabilities in teachers.items():
        calibration = calibrations.get(name)
        if calibration is not None and calibration.source == "golden" and calibration.scale < 0:
            context.caution(
                f"teacher {name}: its score is lower where golden labels are {corpus.classes[-1]} (slope "
                f"{calibration.scale:.3g} on {calibration.rows:,} golden train pairs), so it was turned round; check "
                "what its score means, and corpus.classes"
            )
            turned += 1
        else:
            fit = fit_order(labels, probabilities)
            if fit is not None and fit.contradicts:
                fitting = _map_of(context, corpus, name, fit.order)
                key = f"teachers.{name}.classes: " if context.recipe.teachers[name].train is None else ""
                context.caution(_contradicts(f"teacher {name}", f"{key}{fitting}", fit.best, fit.accuracy))
                turned += 1
    if turned and turned == len(teachers):
        context.caution(
            f"corpus {corpus.name}: {'its only teacher contradicts' if turned == 1 else 'all teachers contradict'} the "
            f"golden labels, which may be swapped; check corpus.classes ({', '.join(corpus.classes)}) and how the data "
            "numbers them"
        )


def caution_model(
    context: Context, model: str, classes: Sequence[str], labels: npt.NDArray[np.int64], probabilities: FloatArray
) -> None:
    """Add a caution if a student or an ensemble fits the golden labels clearly better with other classes."""
    fit = fit_order(labels, probabilities)
    if fit is not None and fit.contradicts:
        context.caution(_contradicts(model, suggested_map(classes, classes, fit.order), fit.best, fit.accuracy))


def _contradicts(model: str, fitting: str, best: float, accuracy: float) -> str:
    return (
        f"{model}: contradicts the golden labels; would fit as {fitting}: balanced accuracy {best:.2f} instead of "
        f"{accuracy:.2f}"
    )


def _map_of(context: Context, corpus: CorpusManifest, teacher: str, fitting: Order) -> str:
    """Return the map that would fit, by the model's own names of its columns."""
    entry, classes = context.recipe.teachers[teacher], corpus.classes
    if entry.train is not None:  # its columns are the corpus's
        return suggested_map(classes, classes, fitting)
    folder = local_folder(everywhere(entry.model), f"teachers.{teacher}.model")
    card = teacher_class(entry.kind).describe(entry.config(), folder, load_tokenizer(folder))
    if card.columns == 1:  # two columns made of a single score
        return suggested_map(classes, classes, fitting)
    order = match_classes(teacher, card.columns, card.classes, classes, entry.classes).order
    means = {column: fitting[stored] for stored, column in enumerate(order)}
    return suggested_map(card.classes or (), classes, [means[column] for column in range(card.columns)])
