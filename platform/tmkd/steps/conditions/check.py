"""Asking the steps of a job, and those that come after it, for their conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tmkd.console import note, warn
from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.steps.conditions.known import Known
from tmkd.steps.conditions.remarks import remarks
from tmkd.steps.conditions.steps import STEPS
from tmkd.steps.context import Context


def check_steps(context: Context, corpus: CorpusManifest, steps: Sequence[str], later: Sequence[str] = ()) -> None:
    """Ask every step for its conditions before anything is spent on teachers and labels.

    Args:
        context: of the job.
        corpus: that is there.
        steps: keys of `STEPS` that this job takes: what they lack is refused.
        later: keys of steps of other jobs: what they lack is noted.

    Raises:
        UserError: listing everything that the steps of this job lack.
    """
    known = Known(context, corpus)
    faults = list(dict.fromkeys(_faults(known, steps)))
    if len(faults) > 1:
        raise UserError("\n".join(["the recipe cannot run on this corpus:", *(f"  {fault}" for fault in faults)]))
    if faults:
        raise UserError(faults[0])
    for remark in remarks(known):
        warn(remark)
    for fault in dict.fromkeys(_faults(known, later)):
        note(f"for later steps: {fault}")


def _faults(known: Known, steps: Sequence[str]) -> Iterator[str]:
    for step in steps:
        for condition in STEPS[step]:
            yield from condition(known)
