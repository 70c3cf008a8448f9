"""What stops no step, but changes what its figures mean."""

from __future__ import annotations

from collections.abc import Iterator

from tmkd.steps.conditions.known import TRAIN, UNLABELED, Known


def remarks(known: Known) -> Iterator[str]:
    """Yield a sentence for each."""
    corpus = known.corpus
    if not corpus.rows(TRAIN) and not corpus.rows(UNLABELED):
        held_out = ", ".join(f"{split} {corpus.questions(split):,}" for split in corpus.splits)
        yield (
            f"corpus {corpus.name}: every question is held out ({held_out}), so no student can be trained; give more "
            "questions, or smaller shares (corpus.split)"
        )
    if known.one_class:
        yield (
            f"{known.one_class}: teachers with a single logit are calibrated from their scores alone, without golden "
            "labels"
        )
    missing = [name for label, name in enumerate(corpus.classes) if known.train and not known.train[label]]
    if missing and not known.one_class:
        yield f"corpus {corpus.name}: no golden label of the train split is {' or '.join(missing)}; nobody can learn it"
    if len(known.validation) == 1:
        (label,) = known.validation
        yield (
            f"corpus {corpus.name}: every golden label of the validation split is {corpus.classes[label]}, so "
            "validation accuracy tells nothing but how often a model says so"
        )
