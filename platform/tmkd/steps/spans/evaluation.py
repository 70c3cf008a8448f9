"""Evaluation of span readers, as the step sees it; further test files are corpora of their own."""

from __future__ import annotations

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.span_answers import Readings
from tmkd.evaluation.spans import SPANS
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus, require_split
from tmkd.steps.judging import Judged, TaskJudging
from tmkd.steps.spans.report import Line, lines_of, publish_report
from tmkd.steps.spans.split import SpanSplit, other_corpus, read_span_split
from tmkd.steps.teachers import check_answers


def _others(context: Context) -> dict[str, CorpusManifest]:
    """Make every corpus that is judged and refuse those that cannot be, before anything is trained.

    Returns:
        Name of a further test file -> its corpus.
    """
    corpus, name = ensure_corpus(context), context.recipe.evaluation.split
    require_split(corpus, name)
    if not corpus.has_labels(name):
        raise UserError(f"evaluation.split: the {name} split of corpus {corpus.name} has no golden answers to judge by")
    check_answers(context, corpus, name)
    return {key: _ensure_other(context, key) for key in context.recipe.evaluation.also}


def _ensure_other(context: Context, key: str) -> CorpusManifest:
    """Make the corpus of a further test file."""
    path = context.recipe.evaluation.also[key].path
    corpus = ensure_corpus(context, other_corpus(context.recipe, key))
    if not corpus.has_labels("test"):
        raise UserError(
            f"evaluation.also.{key}.path: the questions of {path} have no golden answers to judge by; give a file "
            "with answers"
        )
    check_answers(context, corpus, "test", f"evaluation.also.{key}.path ({path})")
    return corpus


def _read(context: Context, judged: Judged) -> SpanSplit:
    variants = bool(judged.key) and context.recipe.evaluation.also[judged.key].variants
    return read_span_split(context, judged.corpus, judged.name, judged.key, variants)


SPAN_JUDGING: TaskJudging[SpanSplit, Readings, Line] = TaskJudging(
    SPANS, _read, lines_of, publish_report, needs_golden=True, others=_others
)
