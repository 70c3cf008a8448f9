"""Evaluation of pair classifiers, as the step sees it."""

from __future__ import annotations

from tmkd.evaluation.pairs import PAIRS, HeaderProbabilities
from tmkd.steps.context import Context
from tmkd.steps.judging import Judged, TaskJudging
from tmkd.steps.pair_split import Split, read_split
from tmkd.steps.pairs.lines import Line, lines_of
from tmkd.steps.pairs.report import publish_report


def _read(context: Context, judged: Judged) -> Split:
    return read_split(context, judged.corpus, judged.name)


PAIR_JUDGING: TaskJudging[Split, HeaderProbabilities, Line] = TaskJudging(
    PAIRS, _read, lines_of, publish_report, needs_golden=False
)
