"""Rows that a teacher could not score: what is counted of them, and when there are too many."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tmkd.errors import UserError
from tmkd.labelling.report import Done
from tmkd.soft_labels.store import LabelStore

NOT_FINITE = "score is not finite"
FEW = 32
"""Rejected rows of one shard that say nothing of the teacher: the last shard of a split may hold one row."""
SHOWN = 3


def count_reasons(reasons: Iterable[str | None]) -> Counter[str]:
    """Return how often each reason was given, whatever numbers stand in it; None is a score that is not finite."""
    return Counter(re.sub(r"\d+", "N", reason) if reason else NOT_FINITE for reason in reasons)


def has_too_many(rejected: int, rows: int, max_rejected: float) -> bool:
    """Tell whether a shard has so many rejected rows that the teacher is at fault; a few never are."""
    return rejected > FEW and rejected > max_rejected * rows


def refusal(where: str, rejected: int, rows: int, max_rejected: float, reasons: Counter[str], listed: str) -> str:
    """Return the message for too many rejected rows.

    Args:
        where: teacher, and shard or split.
        rejected: of its ``rows`` rows.
        rows: of it.
        max_rejected: share that is allowed.
        reasons: of the rejected rows.
        listed: where the rows are, each with its reason.
    """
    shown = "; ".join(f"{count:,} x {reason}" for reason, count in reasons.most_common(SHOWN))
    more = f"; {len(reasons) - SHOWN} other reasons" if len(reasons) > SHOWN else ""
    return (
        f"{where}: {rejected:,} of {rows:,} rows could not be scored ({shown or NOT_FINITE}{more}), more than "
        f"labelling.max_rejected {max_rejected:g} allows, so none of them counts as labelled; see {listed}. Mend the "
        "model or the text, or raise labelling.max_rejected (1 allows all)"
    )


def refuse_rejected(
    store: LabelStore, shards: list[str], done: Done, place: tuple[str, str], max_rejected: float, listed: str
) -> None:
    """Withdraw the worst shards of this run and raise `UserError` if too many rows of a whole split are rejected.

    Args:
        store: of one split and teacher.
        shards: all of the split's.
        done: what this run has labelled.
        place: split and teacher.
        max_rejected: share that is allowed.
        listed: where the rejected rows are.
    """
    split, teacher = place
    counts = done.counts(split, teacher)
    if not any(rejected for _, rejected in counts.values()):
        return
    summary = store.summary(shards, counts)
    rows, rejected = summary["rows"], summary["rejected"]
    if rejected <= max_rejected * rows:
        return
    store.withdraw(name for name, (pairs, bad) in counts.items() if bad > max_rejected * pairs)
    where = f"teacher {teacher} on {split}"
    raise UserError(refusal(where, rejected, rows, max_rejected, done.reasons[place], listed))
