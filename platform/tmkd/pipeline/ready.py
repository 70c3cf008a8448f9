"""What stands before every training and judging: the corpus, the teachers and their labels."""

from __future__ import annotations

from tmkd.corpus.manifest import CorpusManifest
from tmkd.pipeline.context import Context
from tmkd.pipeline.corpus_step import ensure_corpus, require_split
from tmkd.pipeline.spans.attention_step import ensure_attention
from tmkd.pipeline.teacher_step import ensure_labels, ensure_teachers, held_out, learned_splits


def ready(context: Context, *splits: str, judged: str | None = None) -> CorpusManifest:
    """Make the corpus, the teachers and the labels of what is learned from, of ``splits`` and of the one ``judged``."""
    corpus = ensure_corpus(context)
    label(context, corpus, *splits, judged=judged)
    return corpus


def label(context: Context, corpus: CorpusManifest, *splits: str, judged: str | None = None) -> None:
    """Do what `ready` does on a corpus that is there."""
    if judged is not None:
        require_split(corpus, judged)
    ensure_teachers(context, corpus)
    wanted = [*learned_splits(context.recipe), *splits, *([judged] if judged else [])]
    if judged is not None or context.recipe.student.soft_headers in ("mean", "best"):
        wanted += held_out(corpus)
    ensure_labels(context, corpus, wanted)
    ensure_attention(context, corpus)
