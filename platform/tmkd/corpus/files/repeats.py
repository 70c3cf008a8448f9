"""Near-duplicate passages among the unlabeled rows of the user's files."""

from __future__ import annotations

from tmkd.console import progress_bar
from tmkd.corpus.dedupe import NearDuplicates
from tmkd.corpus.files.assign import NEAR, Assignment
from tmkd.corpus.schema import UNLABELED
from tmkd.corpus.words import separated


def drop_near_duplicates(assignment: Assignment, threshold: float) -> None:
    """Drop unlabeled rows whose passage nearly repeats an earlier, different one.

    The same passage beside another question is another pair, and stays. Golden-labelled rows are never dropped.
    """
    near = NearDuplicates(threshold, separated)
    verdicts: dict[int, bool] = {}
    with progress_bar("removing near-duplicates", assignment.rows(UNLABELED)) as bar:
        for name, spool in assignment.spools.items():
            codes = assignment.codes[name]
            for rows, places in spool.rows(assignment.mask(name, UNLABELED)):
                for place, passage in zip(places, rows["passage"].to_pylist(), strict=True):
                    key = hash(passage)
                    if key not in verdicts:
                        verdicts[key] = near.repeats(passage)
                    if verdicts[key]:
                        codes[place] = NEAR
                bar.advance(rows.num_rows)
