"""What stands before every training and judging: the corpus, the teachers and their labels."""

from __future__ import annotations

from collections.abc import Sequence

from tmkd.corpus.manifest import CorpusManifest
from tmkd.steps.conditions import check_steps
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus
from tmkd.steps.spans.attention import ensure_attention
from tmkd.steps.teachers import ensure_labels, ensure_teachers, held_out, learned_splits


def ready(
    context: Context,
    *splits: str,
    judged: str | None = None,
    steps: Sequence[str] = (),
    later: Sequence[str] = (),
) -> CorpusManifest:
    """Make the corpus, the teachers and the labels of what is learned from, of ``splits`` and of the one ``judged``.

    Args:
        context: of the job.
        splits: to be labelled in addition.
        judged: the split that models are judged on.
        steps: what the job does besides teachers and labels; asked for their conditions before those are paid for.
        later: steps of other jobs, whose conditions are only noted.
    """
    corpus = ensure_corpus(context)
    check_steps(context, corpus, ("teachers", *steps), later)
    label(context, corpus, *splits, judged=judged)
    return corpus


def label(context: Context, corpus: CorpusManifest, *splits: str, judged: str | None = None) -> None:
    """Do what `ready` does on a corpus that is there."""
    ensure_teachers(context, corpus)
    wanted = [*learned_splits(context.recipe), *splits, *([judged] if judged else [])]
    if judged is not None or context.recipe.student.soft_headers in ("mean", "best"):
        wanted += held_out(corpus)
    ensure_labels(context, corpus, wanted)
    ensure_attention(context, corpus)
