"""The front of quality against time, and the student that a limit picks from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tmkd.errors import UserError


@dataclass(frozen=True)
class Candidate:
    """A finished student of a search.

    Attributes:
        trial: its id.
        settings: the trial's flat parameters.
        folder: of the workspace.
        quality: on the validation split, higher is better.
        milliseconds: of one pair, alone, on the fastest faithful runtime.
        pairs_per_second: of many pairs on the runtime that is fastest for them.
    """

    trial: str
    settings: dict[str, Any]
    folder: str
    quality: float
    milliseconds: float
    pairs_per_second: float


def front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return those to which no other is at least as good and as fast, and better in one; the fastest first."""
    ordered = sorted(candidates, key=lambda each: (each.milliseconds, -each.quality))
    kept: list[Candidate] = []
    for each in ordered:
        if not kept or each.quality > kept[-1].quality:
            kept.append(each)
    return kept


def check_limit(fastest: float, under_ms: float | None) -> None:
    """Raise `UserError` if even the fastest student, which takes so many milliseconds, is too slow."""
    if under_ms is not None and fastest > under_ms:
        raise UserError(f"search.under_ms: {under_ms:g}, but the fastest student takes {fastest:.2f} ms a pair")


def pick(
    candidates: Sequence[Candidate], under_ms: float | None, at_least: float | None, ensemble: float | None
) -> Candidate:
    """Return the best student within ``under_ms``, or the fastest that reaches ``at_least`` of the ensemble's quality.

    With both, the fastest of those that are within both; with neither, the best.

    Args:
        candidates: finished students.
        under_ms: milliseconds that one pair may take.
        at_least: share of ``ensemble``.
        ensemble: quality of the teachers' ensemble on the same rows; needed for ``at_least``.

    Raises:
        UserError: if none is within the limits, naming the nearest one.
    """
    kept = front(candidates)
    check_limit(kept[0].milliseconds, under_ms)
    if under_ms is not None:
        kept = [each for each in kept if each.milliseconds <= under_ms]
    if at_least is None:
        return kept[-1]
    if ensemble is None:
        raise UserError("search.at_least: there is no ensemble to reach a share of")
    good = [each for each in kept if each.quality >= at_least * ensemble]
    if not good:
        best = kept[-1]
        raise UserError(
            f"search.at_least: {at_least:g} of the ensemble's {ensemble:.3f}, but the best student"
            f"{' in time' if under_ms is not None else ''} reaches {best.quality / ensemble:.3f} of it; the trials are "
            "kept, and another limit picks from them"
        )
    return good[0]
