"""Step 6 for span reading: every reader, their ensemble, the baseline and the student on one split, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tmkd.corpus.config import PathsConfig
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.span_scoring import SpanMeasured, SpanTask, measure_spans
from tmkd.evaluation.table import ModelRow
from tmkd.pipeline.context import Context
from tmkd.pipeline.corpus_step import ensure_corpus
from tmkd.pipeline.recipe import OtherTest
from tmkd.pipeline.span_report import lines_of, publish_report
from tmkd.pipeline.span_split import SpanSplit, read_span_split
from tmkd.pipeline.student_step import ensure_students
from tmkd.pipeline.teacher_step import ensure_labels, teacher_model

TIMED_PAIRS = 500
ANSWERS = "answers"


def evaluate_spans(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Judge everything on the recipe's evaluation split; returns what ``--json`` prints."""
    name = context.recipe.evaluation.split
    if not corpus.has_labels(name):
        raise UserError(f"evaluation.split: the {name} split of corpus {corpus.name} has no golden answers to judge by")
    students, _ = ensure_students(context, corpus)
    others = {key: _ensure_other(context, key, test) for key, test in context.recipe.evaluation.also.items()}
    with context.step("evaluation", context.report_folder):
        split = read_span_split(context, corpus, name)
        result = publish_report(context, split, _measure(context, corpus, name, split, students, timed=True))
        result["also"] = {}
        for key, (other, test) in others.items():
            split = read_span_split(context, other, "test", key, test.variants)
            measured = _measure(context, other, "test", split, students, timed=False)
            result["also"][key] = publish_report(context, split, measured, key)
    return result


def _ensure_other(context: Context, key: str, test: OtherTest) -> tuple[CorpusManifest, OtherTest]:
    """Make a corpus of a further test file, and let every reader label it."""
    config = context.recipe.corpus
    changes = {"name": f"{config.name}_{key}", "path": None, "paths": PathsConfig(test=test.path)}
    corpus = ensure_corpus(context, config.model_copy(update=changes))
    ensure_labels(context, corpus, ("test",))
    return corpus, test


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
        )
    )
