"""The bookkeeping of a build: every row that was read is kept, rejected with a reason, or left out as a repetition."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from tmkd.console import note, warn
from tmkd.workspace import Workspace

MAX_CONTENT = 2000

REJECTED_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("position", pa.int64()),  # line (text) or row (Parquet, hub) of the source, from 1
        ("reason", pa.string()),
        ("content", pa.string()),  # what stood there, cut at 2,000 characters, undecodable bytes replaced
    ]
)


@dataclass
class Ledger:
    """Counts, and the rejected rows themselves (in memory: about 0.5 kB each)."""

    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    filtered: Counter[str] = field(default_factory=Counter)
    """Docstrings that are no question and passage, by reason; they are not the user's rows, so only counted."""
    deduplicated: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    """Rows of the unlabeled split that were made here: copies of training pairs, mined candidates."""
    _rows: dict[str, list[tuple[str, int, str, str]]] = field(default_factory=lambda: defaultdict(list))

    def reject(self, split: str, source: str, position: int, reason: str, content: str) -> None:
        """Put one row that was read aside, under ``rejected/<corpus>/<split>.parquet``."""
        self.rejected[reason] += 1
        shown = content[:MAX_CONTENT].encode(errors="replace").decode()
        self._rows[split].append((source, position, reason, shown))

    def check(self) -> None:
        """Assert that no row was lost: read = kept + rejected + filtered + deduplicated."""
        parts = (self.kept, self.rejected.total(), self.filtered.total(), self.deduplicated.total())
        if self.read != sum(parts):
            raise AssertionError(f"rows lost: {self.read} read, but {parts} kept, rejected, filtered, deduplicated")

    def publish(self, workspace: Workspace, folder: str) -> None:
        """Write the rejected rows, one Parquet file a split."""
        for split, rows in sorted(self._rows.items()):
            columns = [list(column) for column in zip(*rows, strict=True)]
            workspace.publish_table(f"{folder}/{split}.parquet", pa.table(columns, schema=REJECTED_SCHEMA))

    def report(self, where: str) -> None:
        """Print the sum, and every reason with its count."""
        left_out = [(self.rejected, "rejected"), (self.filtered, "filtered"), (self.deduplicated, "deduplicated")]
        sums = " + ".join(f"{counts.total():,} {name}" for counts, name in left_out if counts)
        note(f"  {self.read:,} read = {self.kept:,} kept" + (f" + {sums}" if sums else ""))
        for counts, name in left_out:
            for reason, count in counts.most_common():
                (warn if name == "rejected" else note)(f"  {count:,} {name}: {reason}")
        if self.rejected:
            note(f"  rejected rows, each with its reason: {where}")
        for name, count in self.made.items():
            note(f"  {count:,} {name}")

    def counts(self) -> dict[str, Any]:
        """Return what the manifest keeps."""
        return {
            "read": self.read,
            "kept": self.kept,
            "rejected": dict(self.rejected),
            "filtered": dict(self.filtered),
            "deduplicated": dict(self.deduplicated),
            "made": dict(self.made),
        }
