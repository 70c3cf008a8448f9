"""The report of one evaluation: a page to read and the same numbers to compute with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tmkd.evaluation import table
from tmkd.evaluation.intervals import Interval
from tmkd.evaluation.table import ModelRow
from tmkd.workspace import Workspace

PAGE, NUMBERS, CURVE = "report.md", "evaluation.json", "curve.png"


def publish(
    workspace: Workspace,
    run: str,
    rows: Sequence[ModelRow],
    predictions: str,
    intervals: Mapping[str, Interval | None] | None = None,
    notes: Sequence[str] = (),
    curve: bytes | None = None,
    cautions: Sequence[str] = (),
) -> dict[str, Any]:
    """Write ``report.md``, ``evaluation.json`` and the curve's picture to ``reports/<run>/``.

    Args:
        workspace: where to.
        run: the run that was evaluated.
        rows: the table.
        predictions: where `tmkd.evaluation.predictions.publish` put them.
        intervals: figure in words -> its interval; None says that it could not be formed.
        notes: sentences below the table (rows, questions, protocol).
        curve: a PNG from `tmkd.evaluation.curves.draw`.
        cautions: doubts about the figures, which are among the notes, too.

    Returns:
        What ``evaluate.py --json`` prints: ``rows``, ``predictions`` (shown in full) and, if given, ``intervals`` and
        ``cautions``.
    """
    folder = f"reports/{run}"
    result: dict[str, Any] = {"rows": table.as_json(rows), "predictions": workspace.show(predictions)}
    if intervals:
        result["intervals"] = {name: _json(interval) for name, interval in intervals.items()}
    if cautions:
        result["cautions"] = list(cautions)
    workspace.publish_json(f"{folder}/{NUMBERS}", result)
    if curve is not None:
        workspace.publish_bytes(f"{folder}/{CURVE}", curve, with_hash=False)
    page = as_markdown(run, rows, intervals or {}, notes, curve is not None)
    workspace.publish_bytes(f"{folder}/{PAGE}", page.encode(), with_hash=False)
    return result


def as_markdown(
    run: str,
    rows: Sequence[ModelRow],
    intervals: Mapping[str, Interval | None],
    notes: Sequence[str],
    has_curve: bool,
) -> str:
    """Return the page: table, intervals, notes, curve."""
    parts = [f"# Evaluation of {run}\n", table.as_markdown(rows)]
    if intervals:
        lines = ["| figure | 95 % interval |", "|---|---|"]
        lines += [f"| {name} | {interval or 'cannot be formed'} |" for name, interval in intervals.items()]
        parts.append("\n".join(lines) + "\n")
    if notes:
        parts.append("\n".join(f"- {note}" for note in notes) + "\n")
    if has_curve:
        parts.append(f"![validation curve]({CURVE})\n")
    return "\n".join(parts)


def _json(interval: Interval | None) -> dict[str, Any] | None:
    return None if interval is None else {key: table.finite(value) for key, value in asdict(interval).items()}
