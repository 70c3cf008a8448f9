"""What a comparison found, as the page, ``--json`` and MLflow show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tmkd.evaluation.claims import Finding
from tmkd.evaluation.comparison import Difference
from tmkd.evaluation.intervals import Interval

Kind = Literal["teacher", "ensemble", "student"]


@dataclass(frozen=True)
class Line:
    """One row: a teacher, the ensemble, or a cell over all of its seeds.

    Attributes:
        name: unique.
        kind: what it is.
        settings: of a cell: regime, student, layers, alpha, objective, unlabeled_rows, learning_rate.
        by_seed: the measure of every seed.
        over_questions: mean and 95 % interval, bootstrap over the test questions.
        over_seeds: mean and 95 % interval over seeds; None for a single one.
        figures: further means over seeds: accuracy, auc, map, ece; None where one means nothing.
        pairs_per_second: alone on the device; of ``m-o-m`` all of its students one after the other.
        parameters: of all of them.
        students: of a cell, the folders of its students, a list a seed.
    """

    name: str
    kind: Kind
    settings: Mapping[str, Any]
    by_seed: Sequence[float]
    over_questions: Interval
    over_seeds: Interval | None
    figures: Mapping[str, float | None]
    pairs_per_second: float | None = None
    parameters: int | None = None
    students: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Pair:
    """Two rows, the better one first."""

    better: str
    worse: str
    difference: Difference
    p: float  # after Holm's correction over the table


@dataclass(frozen=True)
class Regression:
    """A question that the teachers get right and the student does not."""

    question: str
    passage: str
    label: str
    student: float  # probability of the right class
    ensemble: float


@dataclass(frozen=True)
class Cost:
    """What the soft labels took.

    Attributes:
        paid: pairs scored by a teacher, all teachers together.
        alone: what it would have been had every cell and seed paid for its own.
    """

    paid: int
    alone: int


@dataclass(frozen=True)
class Compared:
    """All of it."""

    title: str
    corpus: str
    measure: str
    rows: int
    questions: int
    seeds: Sequence[int]
    lines: Sequence[Line]
    pairs: Sequence[Pair]
    findings: Sequence[Finding]
    agreement: Mapping[str, Mapping[str, float]]  # share of rows on which two teachers decide alike
    regressions: Sequence[Regression]
    regressions_of: str
    cost: Cost
    command: str
    recipe: str
    failed: Mapping[str, str] = field(default_factory=dict)
    caveats: Sequence[str] = ()

    @property
    def students(self) -> list[Line]:
        return [line for line in self.lines if line.kind == "student"]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        found = asdict(self)
        found["findings"] = [
            {**asdict(each.claim), **asdict(each.difference), "corrected_p": each.p, "verdict": each.verdict}
            for each in self.findings
        ]
        return found


def pareto(lines: Sequence[Line]) -> list[Line]:
    """Return the timed lines that no other equals or beats in both quality and speed, the fastest first."""
    timed = sorted(
        (line for line in lines if line.pairs_per_second),
        key=lambda line: (-(line.pairs_per_second or 0), -line.over_questions.estimate),
    )
    front: list[Line] = []
    for line in timed:
        if not front or line.over_questions.estimate > front[-1].over_questions.estimate:
            front.append(line)
    return front
