"""How many golden labels of each class a split of pairs holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tmkd.soft_labels.golden import read_golden
from tmkd.workspace import Workspace


def golden_counts(workspace: Workspace, corpus: str, split: str, shards: Iterable[str]) -> Counter[int]:
    """Return class index -> rows of some shards that a judge has given it; rows that nobody has judged are left out."""
    counts: Counter[int] = Counter()
    for shard in shards:
        golden = read_golden(workspace, corpus, split, shard)
        if golden is not None:
            counts.update(golden.labels[golden.labels >= 0].tolist())
    return counts
