"""What a labelling run did."""

from __future__ import annotations

from dataclasses import dataclass

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
            warn(f"{self.rejected:,} rejected pair(s), each with its reason: {where}")
