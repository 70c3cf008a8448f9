"""What labelling will take, told from one shard before the rest is paid for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tmkd.labelling.job import MAX_REJECTED, Corpus
from tmkd.labelling.pipeline import expected_pairs, run, usual_pool
from tmkd.labelling.plan import plan_labels
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import HASH_SUFFIX, Workspace


@dataclass(frozen=True)
class Forecast:
    """What is left to do for the teachers of one model, and what it will take.

    Attributes:
        teachers: their names.
        shards, pairs: not labelled yet.
        bytes: of labels that will be written.
        pairs_per_second: of one actor, in its steady state.
        start_seconds: from the call to the first score.
        actors: reckoned with; no more than there are shards.
        hours: of wall time.
        cost: in the currency of the price; None without a price.
    """

    teachers: list[str]
    shards: int
    pairs: int
    bytes: int
    pairs_per_second: float
    start_seconds: float
    actors: int
    hours: float
    cost: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the attributes as JSON shows them."""
        return asdict(self)


def forecast(
    workspace: Workspace,
    corpus: Corpus,
    splits: Sequence[str],
    teachers: Mapping[str, TeacherConfig],
    folder: Path | str,
    actors: int | None,
    price_per_hour: float | None,
    max_rejected: float = MAX_REJECTED,
) -> Forecast:
    """Label the first missing shard with one actor, which is not lost, and say what the rest will take.

    Args:
        workspace: where corpus, tokens and labels lie.
        corpus: the manifest of a finished corpus.
        splits: names of the splits to label.
        teachers: of one model, as for `tmkd.labelling.pipeline.label_corpus`.
        folder: their model.
        actors: to reckon with; None for as many as a run on this cluster would start.
        price_per_hour: of one actor and what it occupies.
        max_rejected: as for `tmkd.labelling.pipeline.label_corpus`.
    """
    plan = plan_labels(workspace, corpus, splits, teachers, str(folder))
    names, usual = list(teachers), usual_pool(plan)
    actors = actors or usual.largest
    if not plan.todo:
        return Forecast(names, 0, 0, 0, 0.0, 0.0, actors, 0.0, None if price_per_hour is None else 0.0)
    (split, shard), missing = next(iter(plan.todo.items()))
    started = time.monotonic()
    done = run(plan, {(split, shard): missing}, usual.of_one(), max_rejected)
    seconds = time.monotonic() - started
    rest = [place for place in plan.todo if place != (split, shard)]
    pairs = expected_pairs(corpus, rest)
    rate = done.pairs / max(done.scoring, 1e-9)
    actors = max(1, min(actors, len(rest)))  # a shard is one actor's
    hours = (seconds - done.scoring + pairs / (rate * actors)) / 3600 if rest else 0.0
    written = sum(_size(workspace, plan.stores[split, name].folder, shard) for name in missing)
    cost = None if price_per_hour is None else hours * actors * price_per_hour
    size = round(written * pairs / max(1, done.pairs))
    return Forecast(names, len(rest), pairs, size, rate, seconds - done.scoring, actors, hours, cost)


def _size(workspace: Workspace, folder: str, shard: str) -> int:
    files = workspace.stats(folder)
    return files[shard].size + files[shard + HASH_SUFFIX].size
