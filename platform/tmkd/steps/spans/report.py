"""What is told about span readers: the table, intervals and tests, question words, everybody's answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tmkd.console import note, show_table
from tmkd.evaluation import report, table
from tmkd.evaluation.intervals import Interval, Run, difference, recovered_gap
from tmkd.evaluation.intervals import mean as mean_interval
from tmkd.evaluation.paired_test import p_value
from tmkd.evaluation.predictions import FILE
from tmkd.evaluation.questions import question_codes
from tmkd.evaluation.scoring import Measured
from tmkd.evaluation.span_answers import (
    OTHER,
    Readings,
    SpanQuality,
    mean_readings,
    question_word,
    span_quality,
    worst_of_variants,
)
from tmkd.evaluation.speed import with_ensemble
from tmkd.evaluation.table import CHARACTER_KEYS, SPAN_KEYS, ModelRow, model_name
from tmkd.models.student_config import AGGREGATE
from tmkd.steps.context import Context
from tmkd.steps.judging import Judged
from tmkd.steps.spans.split import SpanSplit

ANSWERS = "answers"
CHARACTERS = " (characters)"
BY_CHARACTERS = (
    "Exact match and F1 are SQuAD's, for which text without blanks is one word; by characters they are counted as for "
    "MLQA and CMRC: every character of such a script is a token, punctuation of any script is left out."
)


@dataclass(frozen=True)
class Line:
    """One model: its row of the table, its answer to every question, and its scores on those that are judged."""

    row: ModelRow
    answers: list[str]
    quality: SpanQuality


def lines_of(context: Context, split: SpanSplit, measured: Measured[Readings]) -> list[Line]:
    """Return the line of every model that was measured, teachers first."""
    speed, sizes = with_ensemble(measured.pairs_per_second, measured.parameters, list(split.readers))
    lines: list[Line] = []

    def add(kind: Any, readings: Readings, timed: str, name: str = "", stage: Any = None) -> None:
        header = AGGREGATE if stage else None
        said = _answers(context, split, readings)
        found = span_quality([said[row] for row in split.judged], [split.references[row] or [] for row in split.judged])
        if split.variants:
            found = worst_of_variants(found, question_codes(split.keys))
        row = ModelRow(
            model_name(kind, name, stage, header), kind, stage, header, exact_match=found.exact_match, f1=found.f1,
            exact_match_characters=found.characters.exact_match if found.characters else None,
            f1_characters=found.characters.f1 if found.characters else None,
            pairs_per_second=speed.get(timed), parameters=sizes.get(timed),
        )  # fmt: skip
        lines.append(Line(row, said, found))

    for teacher, readings in split.readers.items():
        add("teacher", readings, teacher, name=teacher)
    add("ensemble", mean_readings(list(split.readers.values()), context.recipe.reading.unanswerable), "ensemble")
    if "baseline" in measured.outputs:
        add("baseline", measured.outputs["baseline"], "baseline")
    for stage in ("pretrained", "finetuned"):
        if stage in measured.outputs:
            add("student", measured.outputs[stage], stage, stage=stage)
    return lines


def _answers(context: Context, split: SpanSplit, readings: Readings) -> list[str]:
    recipe = context.recipe.reading
    return [
        readings.answer(row, text, recipe.max_answer_tokens, recipe.unanswerable)
        for row, text in enumerate(split.contexts)
    ]


def publish_report(context: Context, judged: Judged, split: SpanSplit, lines: list[Line]) -> dict[str, Any]:
    """Show and store everything about one split; returns what ``--json`` prints of it."""
    rows, quality = [line.row for line in lines], {line.row.model: line.quality for line in lines}
    path = _publish_answers(context, split, {line.row.model: line.answers for line in lines})
    intervals = _intervals(context, split, quality)
    sureness = _p_values(quality)
    by_characters = {name: found.characters for name, found in quality.items() if found.characters}
    if by_characters:
        intervals |= _intervals(context, split, by_characters, CHARACTERS)
        sureness |= _p_values(by_characters, CHARACTERS)
    words = _by_question_word(split, quality)
    notes = [f"{len(np.unique(split.keys)):,} questions, {split.title}."]
    if split.variants:
        notes[0] += f" Of the {len(split.judged):,} variants of them each question's worst answer counts."
    notes += [BY_CHARACTERS] if by_characters else []
    notes += [f"{name}: p = {p:.4f} (paired randomisation test)." for name, p in sureness.items()]
    notes += [f"F1 of {word} ({count:,}): {scores}" for word, count, scores in words]
    result = report.publish(context.workspace, split.where, rows, path, intervals, [*notes, *context.caveats])
    table.show(rows, split.title)
    if words:
        show_table("F1 by question word", ["question", "number", "F1"], [list(row) for row in words])
    note(f"  {notes[0]}")
    for name, interval in intervals.items():
        sure = f", p = {sureness[name]:.4f}" if name in sureness else ""
        note(f"  {name}: {interval or 'cannot be formed (the ensemble is not ahead of the baseline)'}{sure}")
    prefix = f"{judged.key}/" if judged.key else ""
    context.run.metrics(
        {
            f"{prefix}{row.model}/{name}": value
            for row in rows
            for name in (*SPAN_KEYS, *CHARACTER_KEYS)
            if (value := getattr(row, name)) is not None
        }
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


def _intervals(
    context: Context, split: SpanSplit, quality: Mapping[str, SpanQuality], how: str = ""
) -> dict[str, Interval | None]:
    """95 % intervals of F1, bootstrap over questions; ``how`` it was counted follows its name."""
    keys = list(dict.fromkeys(split.keys)) if split.variants else split.keys  # as `question_codes` numbers them
    runs = [Run(keys, {name: found.overlap for name, found in quality.items()})]
    count, seed = context.recipe.evaluation.bootstrap, context.recipe.seed
    student = model_name("student", "", "finetuned", AGGREGATE)
    found: dict[str, Interval | None] = {}
    for name in ("ensemble", "baseline", student):
        if name in quality:
            found[f"F1{how} of {name}"] = mean_interval(runs, name, count, seed)
    if student in quality and "baseline" in quality:
        found[f"F1{how} of student - baseline"] = difference(runs, student, "baseline", count, seed)
        found[f"F1{how} of student - ensemble"] = difference(runs, student, "ensemble", count, seed)
        found[f"recovered gap{how}"] = recovered_gap(runs, student, "baseline", "ensemble", count, seed)
    return found


def _p_values(quality: Mapping[str, SpanQuality], how: str = "") -> dict[str, float]:
    """Tell how surely the student differs from the baseline and from the ensemble, question by question."""
    student = model_name("student", "", "finetuned", AGGREGATE)
    return {
        f"F1{how} of student - {other}": p_value(quality[student].overlap - quality[other].overlap)
        for other in ("baseline", "ensemble")
        if student in quality and other in quality
    }


def _by_question_word(split: SpanSplit, quality: Mapping[str, SpanQuality]) -> list[tuple[str, int, str]]:
    """Return a line a question word, the most frequent first: the word, how many questions, F1 of the main models."""
    if split.variants:  # a variant is the same question
        return []
    words = np.array([question_word(split.questions[row]) for row in split.judged])
    if set(words.tolist()) == {OTHER}:  # questions of another language
        return []
    student = model_name("student", "", "finetuned", AGGREGATE)
    shown = {name.split(":")[0]: quality[name].overlap for name in ("ensemble", "baseline", student) if name in quality}
    return [
        (word, count, ", ".join(f"{name} {overlap[words == word].mean():.3f}" for name, overlap in shown.items()))
        for word, count in Counter(words.tolist()).most_common()
    ]
