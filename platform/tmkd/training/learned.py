"""How many rows of a stage each term and each teacher has a label for, counted from the stores before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError
from tmkd.objectives.weighed import ANSWER, ATTENTION, GOLDEN, soft_term
from tmkd.soft_labels.golden import read_answers, read_golden
from tmkd.soft_labels.store import LabelStore
from tmkd.training.stage import StageSpec
from tmkd.training.stage_parts import Signal
from tmkd.workspace import Workspace

Mask = npt.NDArray[np.bool_]


@dataclass
class Learned:
    """Counts of a stage's rows.

    Attributes:
        rows: rows that at least one term learns from.
        terms: term -> rows that it learns from. Golden answers that fit into no window are still counted.
        teachers: teacher -> rows that it has scored.
    """

    rows: int = 0
    terms: Counter[str] = field(default_factory=Counter)
    teachers: Counter[str] = field(default_factory=Counter)


def count_learned(stage: StageSpec, workspace: Workspace) -> Learned:
    """Count by the stores' manifests; only shards in which a teacher has gaps are read.

    Raises:
        UserError: if labels that the stage learns from are missing.
    """
    found, data = Learned(), stage.data
    stores = {name: _Scored(LabelStore(workspace, data.corpus, data.split, name)) for name in teachers_of(stage)}
    for shard, rows in data.shards.items():
        scored = {name: store.rows(shard, rows) for name, store in stores.items()}
        judged = _judged(stage, workspace, shard, rows) if stage.golden else np.zeros(rows, dtype=bool)
        masks = _masks(stage, scored, judged)
        found.terms.update({term: int(mask.sum()) for term, mask in masks.items()})
        found.teachers.update({name: int(mask.sum()) for name, mask in scored.items()})
        found.rows += int(np.logical_or.reduce(list(masks.values())).sum()) if masks else 0
    return found


def check_learned(stage: StageSpec, workspace: Workspace, at_least: float) -> Learned:
    """Refuse a stage that would learn from nothing, or from too little of what its teachers were asked.

    Args:
        stage: which has not begun.
        workspace: where its labels are.
        at_least: share of the stage's rows that each teacher must have scored.

    Raises:
        UserError: naming the stage, and every teacher and header with too few rows.
    """
    where = f"stage {stage.name} on the {stage.data.split} split of {stage.data.corpus}"
    if not stage.rows:
        raise UserError(f"{where}: the split has no rows; give the corpus some, or leave the stage out")
    found = count_learned(stage, workspace)
    wanted = max(1, at_least * stage.rows)
    faults = [
        f"teacher {name} has scored {found.teachers[name]:,} of {stage.rows:,} rows"
        for name in teachers_of(stage)
        if found.teachers[name] < wanted
    ]
    faults += [f"no row has a label for {term}" for term in stage.terms if not found.terms[term]]
    if faults:
        raise UserError(
            f"{where}: {'; '.join(faults)}; training.min_scored asks each teacher for {at_least:.0%} of the rows, and "
            "each header for one: see rejected/ for the reasons, label again (jobs/label_corpus.py --requeue), leave "
            "the teacher out (--teachers.NAME null), or lower training.min_scored"
        )
    return found


def signals_of(stage: StageSpec) -> dict[str, Signal]:
    """Return term -> the signal that it learns from."""
    reading = stage.reading
    beside = {ANSWER: reading.confusing, ATTENTION: reading.attention} if reading else {}
    named = {soft_term(header): signal for header, signal in stage.signals.items()}
    return named | {term: signal for term, signal in beside.items() if signal is not None and term in stage.terms}


def teachers_of(stage: StageSpec) -> list[str]:
    """Return the teachers that a stage learns from, each once."""
    return list(dict.fromkeys(name for signal in signals_of(stage).values() for name in signal.voters))


def shown(counts: Mapping[str, int], of: int) -> str:
    """Return counts of a stage's rows as one line."""
    return ", ".join(f"{term} {rows:,} of {of:,}" for term, rows in counts.items())


class _Scored:
    """Which rows of each shard one teacher has scored."""

    def __init__(self, store: LabelStore) -> None:
        self.store = store
        self.known = (store.manifest or {}).get("shards", {})

    def rows(self, shard: str, rows: int) -> Mask:
        entry = self.known.get(shard)
        if entry is not None and entry["rows"] == rows and not entry["rejected"]:
            return np.ones(rows, dtype=bool)
        mask: Mask = self.store.scored(shard)[1]
        return mask


def _masks(stage: StageSpec, scored: Mapping[str, Mask], judged: Mask) -> dict[str, Mask]:
    """Return term -> which rows of a shard have its label."""
    masks = {GOLDEN: judged} if GOLDEN in stage.terms else {}
    for term, signal in signals_of(stage).items():
        any_scored = np.logical_or.reduce([scored[name] for name in signal.voters])
        masks[term] = any_scored & judged if term == ANSWER else any_scored
    return masks


def _judged(stage: StageSpec, workspace: Workspace, shard: str, rows: int) -> Mask:
    """Return which rows of a shard have a golden label that the stage can learn."""
    if stage.reading is None:
        golden = read_golden(workspace, stage.data.corpus, stage.data.split, shard)
        return golden.labels >= 0 if golden is not None else np.zeros(rows, dtype=bool)
    answers = read_answers(workspace, stage.data.corpus, stage.data.split, shard)
    each = answers.answers if answers is not None else [None] * rows
    return np.array([bool(found) or (found == [] and stage.reading.unanswerable) for found in each], dtype=bool)
