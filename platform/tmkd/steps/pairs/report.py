"""Report on pair classifiers: the table, intervals, everyone's probabilities, the baseline's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tmkd.console import note, warn
from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation import curves, predictions, report, table
from tmkd.evaluation.intervals import Interval, Run, difference, recovered_gap
from tmkd.evaluation.intervals import mean as mean_interval
from tmkd.evaluation.leave_one_out import Contribution, contributions
from tmkd.evaluation.quality import correct, quality
from tmkd.evaluation.questions import has_rivals, question_codes
from tmkd.evaluation.table import ModelRow, model_name
from tmkd.models.student_config import AGGREGATE
from tmkd.soft_labels.calibration import load_calibration
from tmkd.steps.class_order import caution_model
from tmkd.steps.context import Context
from tmkd.steps.judging import Judged
from tmkd.steps.pair_split import Split
from tmkd.steps.pairs.lines import FloatArray, Line
from tmkd.teachers.classes import last_is_negative


def publish_report(context: Context, judged: Judged, split: Split, lines: list[Line]) -> dict[str, Any]:
    """Show and store everything about the judged split; returns what ``--json`` prints."""
    corpus, tried = judged.corpus, list(judged.tried)
    rows = [line.row for line in lines]
    probabilities = {line.row.model: line.probabilities for line in lines}
    labels = split.labels if split.judged else None
    for model, values in probabilities.items():
        if not model.startswith("teacher:"):  # of those `read_split` has spoken
            caution_model(context, model, corpus.classes, split.labels, values)
    path = predictions.publish(
        context.workspace,
        context.recipe.run_name,
        predictions.build(split.ids, split.question_ids, labels, probabilities),
    )
    intervals = {}
    if split.judged:
        intervals = _intervals(context, split, probabilities) | _map_intervals(context, split, probabilities)
    notes = _notes(context, corpus, split, tried)
    brought = _contributions(context, split)
    notes += [each.says() + "." for each in brought] + _temperatures(context, corpus)
    drawn = _curves(tried)
    curve = curves.draw(drawn, "golden labels alone", "validation accuracy") if drawn else None
    result = report.publish(
        context.workspace, context.recipe.run_name, rows, path, intervals, [*notes, *context.caveats], curve,
        context.cautions,
    )  # fmt: skip
    result["baseline_tried"] = tried
    result["teachers"] = [each.as_json() for each in brought]
    table.show(rows, f"{context.recipe.evaluation.split} split of {corpus.name}")
    for line in notes[:2]:
        note(f"  {line}")
    for each in brought:
        (warn if each.harms else note)(f"  {each.says()}")
    for name, interval in intervals.items():
        note(f"  {name}: {interval or 'cannot be formed (the ensemble is not ahead of the baseline)'}")
    _track(context, rows, intervals)
    return result


def _contributions(context: Context, split: Split) -> list[Contribution]:
    weights = dict(zip(split.teachers, split.weights, strict=True))
    count, seed = context.recipe.evaluation.bootstrap, context.recipe.seed
    return contributions(split.teachers, weights, split.labels, split.question_ids, count, seed)


def _temperatures(context: Context, corpus: CorpusManifest) -> list[str]:
    """Say what the teachers' logits were divided by before they were averaged."""
    kept = {name: load_calibration(context.workspace, corpus.name, name) for name in context.recipe.teachers}
    fitted = {name: found for name, found in kept.items() if found and found.source == "temperature"}
    return [
        f"Temperature of {name}, fitted on {found.rows:,} validation pairs: {1 / found.scale:.2f}."
        for name, found in fitted.items()
    ]


def _intervals(context: Context, split: Split, probabilities: Mapping[str, FloatArray]) -> dict[str, Interval | None]:
    """95 % intervals of what a reader decides by; bootstrap over questions."""
    judged = split.labels >= 0
    scores = {name: correct(split.labels, values)[judged].astype(float) for name, values in probabilities.items()}
    runs = [Run(split.question_ids[judged], scores)]
    count, seed = context.recipe.evaluation.bootstrap, context.recipe.seed
    student = model_name("student", "", "finetuned", AGGREGATE)
    found: dict[str, Interval | None] = {}
    for name in ("ensemble", "baseline", model_name("student", "", "pretrained", AGGREGATE), student):
        if name in scores:
            found[f"accuracy of {name}"] = mean_interval(runs, name, count, seed)
    if student in scores and "baseline" in scores:
        found["accuracy of student - baseline"] = difference(runs, student, "baseline", count, seed)
        found["recovered gap"] = recovered_gap(runs, student, "baseline", "ensemble", count, seed)
    return found


def _map_intervals(
    context: Context, split: Split, probabilities: Mapping[str, FloatArray]
) -> dict[str, Interval | None]:
    """95 % intervals of MAP, which says what accuracy cannot where most candidates are wrong."""
    student = model_name("student", "", "finetuned", AGGREGATE)
    shown = {name: values for name, values in probabilities.items() if name in ("ensemble", "baseline", student)}
    each = {name: quality(split.labels, v, split.question_ids, ids=split.ids) for name, v in shown.items()}
    ranked = {name: found.average_precision for name, found in each.items() if found.average_precision is not None}
    if not ranked:
        return {}
    questions = np.arange(len(next(iter(ranked.values())))).astype(str).astype(object)
    runs, count, seed = [Run(questions, ranked)], context.recipe.evaluation.bootstrap, context.recipe.seed
    found: dict[str, Interval | None] = {f"MAP of {name}": mean_interval(runs, name, count, seed) for name in ranked}
    if student in ranked and "baseline" in ranked:
        found["MAP of student - baseline"] = difference(runs, student, "baseline", count, seed)
    return found


def _notes(context: Context, corpus: CorpusManifest, split: Split, tried: list[dict[str, Any]]) -> list[str]:
    name = context.recipe.evaluation.split
    notes = [
        f"{len(split.ids):,} pairs of {corpus.questions(name):,} questions, split `{name}` of corpus `{corpus.name}`."
    ]
    if split.judged:
        notes.append(_ranking_note(split, corpus.classes))
    else:
        notes.append("No golden labels: every model is compared with the teachers' ensemble.")
    if tried:
        steps = tried[0]["steps"]
        settings = "; ".join(
            f"rate {t['learning_rate']:g}, warm-up {t['warmup_ratio']:g}: {_figure(t['validation_accuracy'])}"
            for t in tried
        )
        notes.append(f"Baseline: {steps} steps on golden labels alone; validation accuracy by setting: {settings}.")
    return notes


def _figure(value: float | None) -> str:
    """Return a measure as it is shown; a dash where nothing was measured."""
    return "–" if value is None else f"{value:.3f}"


def _ranking_note(split: Split, classes: Sequence[str]) -> str:
    """Say what the ranking measures can tell: with few candidates a question they are high for anyone."""
    judged = split.labels >= 0  # what the measures are taken over
    codes = question_codes(split.question_ids[judged])
    if not has_rivals(codes):
        return "Ranking: one candidate a question, so there is nothing to rank."
    candidates = np.bincount(codes)
    relevant = np.bincount(codes, weights=split.labels[judged] > 0, minlength=len(candidates))
    text = f"Ranking: {candidates.mean():.1f} candidates a question"
    if last_is_negative(classes):
        text = f"Ranking by the last class, {classes[-1]}: {candidates.mean():.1f} candidates a question"
    if (relevant == 1).all():
        by_chance = np.mean([np.mean(1 / np.arange(1, n + 1) * (np.arange(n) < 10)) for n in candidates])
        return f"{text}; a random order has MRR@10 {by_chance:.3f}."
    return f"{text}; questions without a relevant one are left out."


def _curves(tried: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    return {
        f"rate {t['learning_rate']:g}, warm-up {t['warmup_ratio']:g}": [(int(s), float(v)) for s, v in t["curve"]]
        for t in tried
        if t["curve"]
    }


def _track(context: Context, rows: list[ModelRow], intervals: Mapping[str, Interval | None]) -> None:
    dicts = table.as_json(rows)
    context.run.table("evaluation", list(dicts[0]), [list(row.values()) for row in dicts])
    measures = ("accuracy", "auc", "mrr10", "ndcg10", "map", "pairs_per_second", "top1_agreement", "kendall_tau")
    context.run.metrics(
        {f"{row['model']}/{m}": row[m] for row in dicts for m in measures if row.get(m) is not None}
        | {name: interval.estimate for name, interval in intervals.items() if interval}
    )
