"""Step 6 for span reading: every reader, their ensemble, the baseline and the student on one split, in one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.span_scoring import SpanMeasured, SpanTask, measure_spans
from tmkd.evaluation.table import ModelRow
from tmkd.steps.context import Context
from tmkd.steps.corpus import ensure_corpus, require_split
from tmkd.steps.ready import ready
from tmkd.steps.spans.report import lines_of, publish_report
from tmkd.steps.spans.split import SpanSplit, other_corpus, read_span_split
from tmkd.steps.student.step import ensure_students
from tmkd.steps.teachers import check_answers, ensure_labels, teacher_model

TIMED_PAIRS = 500
ANSWERS = "answers"


def evaluate_spans(context: Context) -> dict[str, Any]:
    """Make all that is judged, and judge it on the recipe's evaluation split; returns what ``--json`` prints."""
    name = context.recipe.evaluation.split
    others = _ensure_judged(context)
    context = dataclasses.replace(context, remake=False)  # the corpus has just been made again
    corpus = ready(context, judged=name, steps=("students", "baseline", "evaluation"))
    students, _ = ensure_students(context, corpus)
    for other in others.values():
        ensure_labels(context, other, ("test",))
    with context.step("evaluation", context.report_folder):
        split = read_span_split(context, corpus, name)
        result = publish_report(context, split, _measure(context, corpus, name, split, students, timed=True))
        result["also"] = {key: _judge_other(context, key, other, students) for key, other in others.items()}
    return result


def _ensure_judged(context: Context) -> dict[str, CorpusManifest]:
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


def _judge_other(context: Context, key: str, corpus: CorpusManifest, students: Mapping[str, str]) -> dict[str, Any]:
    variants = context.recipe.evaluation.also[key].variants
    split = read_span_split(context, corpus, "test", key, variants)
    return publish_report(context, split, _measure(context, corpus, "test", split, students, timed=False), key)


def reader_quality(context: Context, corpus: CorpusManifest, name: str) -> list[ModelRow]:
    """Return the rows of every reader and of their ensemble on a split that is labelled; none without answers."""
    if not corpus.has_labels(name):
        return []
    split = read_span_split(context, corpus, name)
    nothing = SpanMeasured({}, {}, {})
    return [line.row for line in lines_of(context, split, nothing)]


def _measure(
    context: Context, corpus: CorpusManifest, name: str, split: SpanSplit, students: Mapping[str, str], timed: bool
) -> SpanMeasured:
    recipe = context.recipe
    config = recipe.student_reader()
    pairs = list(zip(split.questions, split.contexts, strict=True))
    return measure_spans(
        SpanTask(
            workspace=context.workspace,
            corpus=corpus.name,
            fingerprints=corpus.fingerprints,
            split=name,
            shards=tuple(corpus.shards(name)),
            students={student: (config, folder) for student, folder in students.items()},
            teachers={t: (entry.config(), teacher_model(context, t)) for t, entry in recipe.teachers.items()},
            seconds=recipe.evaluation.speed_seconds if timed else 0.0,
            pairs=pairs[:: max(1, len(pairs) // TIMED_PAIRS)][:TIMED_PAIRS],
            placement=recipe.training.placement,
        )
    )
