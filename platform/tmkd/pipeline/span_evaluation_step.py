"""Step 6 for span reading: every reader, their ensemble, the baseline and the student on one split, in one table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.console import note, show_table
from tmkd.corpus.config import PathsConfig
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation import report, table
from tmkd.evaluation.intervals import Interval, Run, difference, recovered_gap
from tmkd.evaluation.intervals import mean as mean_interval
from tmkd.evaluation.paired_test import p_value
from tmkd.evaluation.predictions import FILE
from tmkd.evaluation.questions import question_codes
from tmkd.evaluation.span_answers import (
    Readings,
    SpanQuality,
    mean_readings,
    question_word,
    span_quality,
    worst_of_variants,
)
from tmkd.evaluation.span_scoring import SpanMeasured, SpanTask, measure_spans
from tmkd.evaluation.table import ModelRow, model_name
from tmkd.models.student_config import AGGREGATE
from tmkd.pipeline.context import Context
from tmkd.pipeline.corpus_step import ensure_corpus
from tmkd.pipeline.recipe import OtherTest
from tmkd.pipeline.student_step import ensure_students
from tmkd.pipeline.teacher_step import ensure_labels, teacher_folder
from tmkd.soft_labels.golden import read_answers
from tmkd.soft_labels.store import LabelStore
from tmkd.tasks.span_projection import grids_of
from tmkd.tasks.tokens import read_grids
from tmkd.workspace import corpus_folder

TIMED_PAIRS = 500
ANSWERS = "answers"


@dataclass(frozen=True)
class SpanSplit:
    """The questions that are judged, in order; those that no judge has spoken about are left out of the measures.

    Attributes:
        title: how users are shown it.
        where: folder of its report.
        variants: see `tmkd.pipeline.recipe.OtherTest`.
        source_ids: the user's keys.
        questions, contexts: texts.
        references: legal answers; [] where there is none, None where nobody has judged.
        readers: teacher -> what its labels say.
    """

    title: str
    where: str
    variants: bool
    source_ids: list[str]
    questions: list[str]
    contexts: list[str]
    references: list[list[str] | None]
    readers: dict[str, Readings]

    @property
    def judged(self) -> list[int]:
        return [row for row, known in enumerate(self.references) if known is not None]

    @property
    def keys(self) -> npt.NDArray[np.object_]:
        """What tells the questions of the judged rows apart: variants of one share it."""
        ids = [self.source_ids[row] for row in self.judged]
        return np.array([key.split("-")[0] if self.variants else key for key in ids], dtype=object)


@dataclass(frozen=True)
class Line:
    """One model: its row of the table, its answer to every question, and its scores on those that are judged."""

    row: ModelRow
    answers: list[str]
    quality: SpanQuality


def evaluate_spans(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Judge everything on the recipe's evaluation split; returns what ``--json`` prints."""
    name = context.recipe.evaluation.split
    if not corpus.has_labels(name):
        raise UserError(f"evaluation.split: the {name} split of corpus {corpus.name} has no golden answers to judge by")
    students, _ = ensure_students(context, corpus)
    others = {key: _ensure_other(context, key, test) for key, test in context.recipe.evaluation.also.items()}
    with context.step("evaluation", context.report_folder):
        split = read_span_split(context, corpus, name)
        result = _report(context, split, _measure(context, corpus, name, split, students, timed=True))
        result["also"] = {}
        for key, (other, test) in others.items():
            split = read_span_split(context, other, "test", key, test.variants)
            measured = _measure(context, other, "test", split, students, timed=False)
            result["also"][key] = _report(context, split, measured, key)
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
    return [line.row for line in _lines(context, split, nothing)]


def read_span_split(
    context: Context, corpus: CorpusManifest, name: str, key: str = "", variants: bool = False
) -> SpanSplit:
    """Join a split with every reader's labels and the golden answers; ``key`` names a further test file."""
    workspace, shards = context.workspace, corpus.shards(name)
    folder = corpus_folder(corpus.name, name)
    texts = pa.concat_tables(
        workspace.read_table(f"{folder}/{shard}", ["source_id", "question", "context"]) for shard in shards
    )
    references: list[list[str] | None] = []
    for shard in shards:
        golden = read_answers(workspace, corpus.name, name, shard)
        assert golden is not None
        references += [None if each is None else [str(answer["text"]) for answer in each] for each in golden.answers]
    readers = {teacher: _labels(context, corpus, name, teacher) for teacher in context.recipe.teachers}
    source_ids, questions, contexts = (texts[name].to_pylist() for name in ("source_id", "question", "context"))
    where = "/".join(part for part in (context.recipe.run_name, key) if part)
    title = f"{name} split of {corpus.name}"
    return SpanSplit(title, where, variants, source_ids, questions, contexts, references, readers)


def _labels(context: Context, corpus: CorpusManifest, split: str, teacher: str) -> Readings:
    store = LabelStore(context.workspace, corpus.name, split, teacher)
    vocabulary = str((store.identity or {})["vocabulary"])
    each = []
    for shard in corpus.shards(split):
        grids = read_grids(context.workspace, vocabulary, corpus.split_fingerprint(split), split, shard)
        each.append(Readings.of(store.read_spans(shard)[1], grids_of(*grids)))
    return Readings(
        [logits for said in each for logits in said.logits],
        [grid for said in each for grid in said.grids],
        np.concatenate([said.null for said in each]),
    )


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
            teachers={t: (entry.config(), teacher_folder(context, t)) for t, entry in recipe.teachers.items()},
            seconds=recipe.evaluation.speed_seconds if timed else 0.0,
            pairs=pairs[:: max(1, len(pairs) // TIMED_PAIRS)][:TIMED_PAIRS],
        )
    )


def _lines(context: Context, split: SpanSplit, measured: SpanMeasured) -> list[Line]:
    """Return every model's line, teachers first."""
    speed, sizes = dict(measured.pairs_per_second), dict(measured.parameters)
    if all(teacher in speed for teacher in split.readers):  # an ensemble asks every teacher in turn
        speed["ensemble"] = 1 / sum(1 / speed[teacher] for teacher in split.readers)
        sizes["ensemble"] = sum(sizes[teacher] for teacher in split.readers)
    lines: list[Line] = []

    def add(kind: Any, readings: Readings, timed: str, name: str = "", stage: Any = None) -> None:
        header = AGGREGATE if stage else None
        said = _answers(context, split, readings)
        found = span_quality([said[row] for row in split.judged], [split.references[row] or [] for row in split.judged])
        if split.variants:
            found = worst_of_variants(found, question_codes(split.keys))
        row = ModelRow(
            model_name(kind, name, stage, header), kind, stage, header, exact_match=found.exact_match, f1=found.f1,
            pairs_per_second=speed.get(timed), parameters=sizes.get(timed),
        )  # fmt: skip
        lines.append(Line(row, said, found))

    for teacher, readings in split.readers.items():
        add("teacher", readings, teacher, name=teacher)
    add("ensemble", mean_readings(list(split.readers.values())), "ensemble")
    if "baseline" in measured.readings:
        add("baseline", measured.readings["baseline"], "baseline")
    for stage in ("pretrained", "finetuned"):
        if stage in measured.readings:
            add("student", measured.readings[stage], stage, stage=stage)
    return lines


def _answers(context: Context, split: SpanSplit, readings: Readings) -> list[str]:
    recipe = context.recipe.reading
    return [
        readings.answer(row, text, recipe.max_answer_tokens, recipe.unanswerable)
        for row, text in enumerate(split.contexts)
    ]


def _report(context: Context, split: SpanSplit, measured: SpanMeasured, key: str = "") -> dict[str, Any]:
    lines = _lines(context, split, measured)
    rows, quality = [line.row for line in lines], {line.row.model: line.quality for line in lines}
    path = _publish_answers(context, split, {line.row.model: line.answers for line in lines})
    intervals = _intervals(context, split, quality)
    sureness = _p_values(quality)
    words = _by_question_word(split, quality)
    notes = [f"{len(np.unique(split.keys)):,} questions, {split.title}."]
    if split.variants:
        notes[0] += f" Of the {len(split.judged):,} variants of them each question's worst answer counts."
    notes += [f"{name}: p = {p:.4f} (paired randomisation test)." for name, p in sureness.items()]
    notes += [f"F1 of {word} ({count:,}): {scores}" for word, count, scores in words]
    result = report.publish(context.workspace, split.where, rows, path, intervals, notes)
    table.show(rows, split.title)
    if words:
        show_table("F1 by question word", ["question", "number", "F1"], [list(row) for row in words])
    note(f"  {notes[0]}")
    for name, interval in intervals.items():
        sure = f", p = {sureness[name]:.4f}" if name in sureness else ""
        note(f"  {name}: {interval or 'cannot be formed (the ensemble is not ahead of the baseline)'}{sure}")
    prefix = f"{key}/" if key else ""
    context.run.metrics(
        {f"{prefix}{row.model}/{name}": getattr(row, name) for row in rows for name in ("exact_match", "f1")}
        | {f"{row.model}/pairs_per_second": row.pairs_per_second for row in rows if row.pairs_per_second}
        | {f"{prefix}{name}": interval.estimate for name, interval in intervals.items() if interval}
    )
    return {**result, "p_values": sureness}


def _publish_answers(context: Context, split: SpanSplit, answers: Mapping[str, list[str]]) -> str:
    """Write all answers to one Parquet file, and each model's in the official format; return the former's path."""
    folder = f"reports/{split.where}"
    columns: dict[str, Any] = {"id": split.source_ids, "question": split.questions, "references": split.references}
    path = f"{folder}/{FILE}"
    context.workspace.publish_table(path, pa.table({**columns, **answers}))
    for model, said in answers.items():
        official = json.dumps(dict(zip(split.source_ids, said, strict=True)), ensure_ascii=False)
        name = f"{folder}/{ANSWERS}/{model.replace(':', '-')}.json"
        context.workspace.publish_bytes(name, official.encode(), with_hash=False)
    return path


def _intervals(context: Context, split: SpanSplit, quality: Mapping[str, SpanQuality]) -> dict[str, Interval | None]:
    """95 % intervals of F1, bootstrap over questions."""
    keys = list(dict.fromkeys(split.keys)) if split.variants else split.keys  # as `question_codes` numbers them
    runs = [Run(keys, {name: found.overlap for name, found in quality.items()})]
    count, seed = context.recipe.evaluation.bootstrap, context.recipe.seed
    student = model_name("student", "", "finetuned", AGGREGATE)
    found: dict[str, Interval | None] = {}
    for name in ("ensemble", "baseline", student):
        if name in quality:
            found[f"F1 of {name}"] = mean_interval(runs, name, count, seed)
    if student in quality and "baseline" in quality:
        found["F1 of student - baseline"] = difference(runs, student, "baseline", count, seed)
        found["F1 of student - ensemble"] = difference(runs, student, "ensemble", count, seed)
        found["recovered gap"] = recovered_gap(runs, student, "baseline", "ensemble", count, seed)
    return found


def _p_values(quality: Mapping[str, SpanQuality]) -> dict[str, float]:
    """Tell how surely the student differs from the baseline and from the ensemble, question by question."""
    student = model_name("student", "", "finetuned", AGGREGATE)
    return {
        f"F1 of student - {other}": p_value(quality[student].overlap - quality[other].overlap)
        for other in ("baseline", "ensemble")
        if student in quality and other in quality
    }


def _by_question_word(split: SpanSplit, quality: Mapping[str, SpanQuality]) -> list[tuple[str, int, str]]:
    """Return a line a question word, the most frequent first: the word, how many questions, F1 of the main models."""
    if split.variants:  # a variant is the same question
        return []
    words = np.array([question_word(split.questions[row]) for row in split.judged])
    student = model_name("student", "", "finetuned", AGGREGATE)
    shown = {name.split(":")[0]: quality[name].overlap for name in ("ensemble", "baseline", student) if name in quality}
    return [
        (word, count, ", ".join(f"{name} {overlap[words == word].mean():.3f}" for name, overlap in shown.items()))
        for word, count in Counter(words.tolist()).most_common()
    ]
