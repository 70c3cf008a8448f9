"""One line per model of pairs: teachers, their ensemble, the baseline and every header of the student."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tmkd.evaluation.agreement import Agreement, agreement
from tmkd.evaluation.ensemble import mean_probabilities
from tmkd.evaluation.pairs import HeaderProbabilities
from tmkd.evaluation.quality import Quality, quality
from tmkd.evaluation.scoring import Measured
from tmkd.evaluation.speed import with_ensemble
from tmkd.evaluation.table import ModelRow
from tmkd.models.student_config import AGGREGATE
from tmkd.steps.context import Context
from tmkd.steps.pair_split import Split

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Line:
    """One model: its row of the table, and its probabilities, float [n, C]."""

    row: ModelRow
    probabilities: FloatArray


def lines_of(context: Context, split: Split, measured: Measured[HeaderProbabilities]) -> list[Line]:
    """Return the line of every model that was measured, teachers first."""
    asked = [name for name, weight in zip(split.teachers, split.weights, strict=True) if weight]
    speed, sizes = with_ensemble(measured.pairs_per_second, measured.parameters, asked)
    ensemble = mean_probabilities(list(split.teachers.values()), split.weights)
    lines: list[Line] = []

    def add(
        kind: Any, probabilities: FloatArray, timed: str, name: str = "", stage: Any = None, header: Any = None
    ) -> None:
        found = _judge(split, probabilities, ensemble)
        row = ModelRow.of(kind, found, name, stage, header, speed.get(timed), sizes.get(timed))
        lines.append(Line(row, probabilities))

    for teacher, probabilities in split.teachers.items():
        add("teacher", probabilities, teacher, name=teacher)
    add("ensemble", ensemble, "ensemble")
    if "baseline" in measured.outputs:
        add("baseline", measured.outputs["baseline"][AGGREGATE], "baseline")
    for stage in ("pretrained", "finetuned"):
        headers = measured.outputs.get(stage, {})
        for header in sorted(headers, key=lambda h: (h != AGGREGATE, h)):
            add("student", headers[header], stage, stage=stage, header=header)
    return lines


def _judge(split: Split, probabilities: FloatArray, ensemble: FloatArray) -> Quality | Agreement:
    if not split.judged:
        rows = split.scored
        return agreement(probabilities[rows], ensemble[rows], split.question_ids[rows], split.ids[rows])
    grades = split.grades if np.isfinite(split.grades[split.labels >= 0]).all() else None
    return quality(split.labels, probabilities, split.question_ids, grades, split.ids)
