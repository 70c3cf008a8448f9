"""What a labelling run did."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tmkd.console import note, warn


@dataclass(frozen=True)
class LabelReport:
    """Counts and time of labelling one corpus with one teacher.

    Attributes:
        teacher: its name.
        pairs: pairs scored in this run.
        shards_done: shards labelled in this run.
        shards_skipped: shards that were labelled before.
        rejected: pairs of this run that could not be scored.
        seconds: wall time, start of the actors included.
        pairs_per_second: ``pairs / seconds``; 0 where nothing was to be done.
    """

    teacher: str
    pairs: int
    shards_done: int
    shards_skipped: int
    rejected: int
    seconds: float
    pairs_per_second: float

    def show(self, where: str) -> None:
        """Print the sum; rejected rows with where they lie."""
        if not self.shards_done:
            note(f"  {self.teacher}: all {self.shards_skipped:,} shard(s) are labelled already")
            return
        skipped = f", {self.shards_skipped:,} shard(s) done before" if self.shards_skipped else ""
        kept = self.pairs - self.rejected
        note(f"  {self.teacher}: {self.pairs:,} in = {kept:,} kept + {self.rejected:,} rejected{skipped}")
        if self.rejected:
            warn(f"{self.rejected:,} rejected pair(s), each with its reason: {where}; --requeue scores them again")


@dataclass
class Done:
    """What the shards of a run came to, as they are published.

    Attributes:
        shards: (split, teacher) -> shard -> its pairs and how many of them were rejected.
        pairs: of all shards, each once.
        reasons: (split, teacher) -> reason -> rejected rows.
        too_large: tokens of the smallest batch that did not fit into memory; 0 where all did.
        reading, scoring, publishing: seconds that processes spent in each stage, which overlap.
    """

    shards: dict[tuple[str, str], dict[str, tuple[int, int]]] = field(default_factory=dict)
    pairs: int = 0
    reasons: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    too_large: int = 0
    reading: float = 0.0
    scoring: float = 0.0
    publishing: float = 0.0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one published shard."""
        self.pairs += int(row["pairs"])
        self.reading += float(row["reading"])
        self.scoring += float(row["scoring"])
        self.publishing += float(row["publishing"])
        if row["too_large"]:
            self.too_large = min(self.too_large or int(row["too_large"]), int(row["too_large"]))
        for teacher, reasons in json.loads(row["reasons"]).items():
            self.reasons[str(row["split"]), teacher].update(reasons)
        for teacher, rejected in zip(row["teachers"], row["rejected"], strict=True):
            shards = self.shards.setdefault((str(row["split"]), str(teacher)), {})
            shards[str(row["shard"])] = (int(row["pairs"]), int(rejected))

    def counts(self, split: str, teacher: str) -> dict[str, tuple[int, int]]:
        """Return the pairs and rejected pairs of the shards that one teacher labelled in this run."""
        return self.shards.get((split, teacher), {})

    def report(self, teacher: str, skipped: int, seconds: float) -> LabelReport:
        """Return one teacher's report; ``skipped`` shards were done before."""
        found = [counts for (_, name), shards in self.shards.items() if name == teacher for counts in shards.values()]
        pairs, rejected = sum(pairs for pairs, _ in found), sum(bad for _, bad in found)
        return LabelReport(teacher, pairs, len(found), skipped, rejected, seconds, pairs / seconds)

    def show_halved(self, teacher: str) -> None:
        """Warn where batches did not fit into memory."""
        if self.too_large:
            warn(
                f"batches of {self.too_large:,} tokens did not fit into memory and were halved: no row is lost. Labels "
                f"may be rounded otherwise than elsewhere; a smaller teachers.{teacher}.batch_tokens prevents it"
            )
