"""Contract between the evaluation step and a task: how a split is read, its models' lines, its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.scoring import Measured
from tmkd.evaluation.table import ModelRow
from tmkd.evaluation.task_scoring import Pairs, TaskScoring
from tmkd.steps.context import Context


@dataclass(frozen=True)
class Judged:
    """Rows that models are judged on.

    Attributes:
        corpus: whose.
        name: of the split.
        key: name of a further test file; empty for the recipe's own split.
        tried: settings of the baseline and what each reached.
    """

    corpus: CorpusManifest
    name: str
    key: str = ""
    tried: Sequence[dict[str, Any]] = ()


class SplitRows(Protocol):
    """The rows of a split, joined with everyone's labels."""

    @property
    def timed(self) -> Pairs:
        """(question, text) pairs to time models on, spread over the split."""


class ModelLine(Protocol):
    """One model's line of the report."""

    @property
    def row(self) -> ModelRow:
        """Its row of the table."""


Split = TypeVar("Split", bound=SplitRows)
Line = TypeVar("Line", bound=ModelLine)
Output = TypeVar("Output")


@dataclass(frozen=True)
class TaskJudging(Generic[Split, Output, Line]):
    """The part of a task that differs where models are judged.

    Attributes:
        scoring: how its models are scored.
        read: joins a split with every teacher's labels and the golden ones.
        lines: every model's line, teachers first.
        report: shows and stores all about one split; returns what ``--json`` prints of it.
        needs_golden: whether a split without golden labels cannot be judged.
        others: makes the corpora of further test files, name -> corpus, and refuses what cannot be judged; None for a
            task that has none.
    """

    scoring: TaskScoring[Output]
    read: Callable[[Context, Judged], Split]
    lines: Callable[[Context, Split, Measured[Output]], list[Line]]
    report: Callable[[Context, Judged, Split, list[Line]], dict[str, Any]]
    needs_golden: bool
    others: Callable[[Context], Mapping[str, CorpusManifest]] | None = None
