"""The splits of the user's own sources."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tmkd.console import note, progress_bar, warn
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.assign import DUPLICATES, LEAKS, Assignment, assert_apart, assign, cumulative_counts
from tmkd.corpus.files.mining import Mine, is_wanted, report_without
from tmkd.corpus.files.read import read_passages, read_spools
from tmkd.corpus.files.repeats import drop_near_duplicates
from tmkd.corpus.files.spool import Mask
from tmkd.corpus.ledger import Ledger
from tmkd.corpus.schema import SPLITS, TRAIN, UNLABELED, layout_of
from tmkd.corpus.shards import ShardWriter
from tmkd.tasks.registry import task_of

WriterFor = Callable[[str, bool], ShardWriter]
Part = tuple[str, Mask]
"""Rows of one spool: its name, and which of its rows."""


def build_files(config: CorpusConfig, ledger: Ledger, writer_for: WriterFor) -> dict[str, dict[str, Any]]:
    """Read, check, divide and write the user's rows.

    Returns:
        The ``splits`` part of the manifest.

    Raises:
        UserError: if a source is wrong as a whole, or gives no usable row.
    """
    with tempfile.TemporaryDirectory(prefix="tmkd-corpus-") as folder:
        spools = read_spools(config, ledger, Path(folder))
        passages = read_passages(config, ledger)
        assignment = assign(spools, config)
        if config.split.shared_questions == "reject":
            assert_apart(assignment)
        elif assignment.shared:
            warn(
                f"{assignment.shared:,} rows share their {layout_of(config.task).apart} with a held-out split "
                "(split.shared_questions: keep)"
            )
        if config.deduplicate.near is True:
            drop_near_duplicates(assignment, config.deduplicate.threshold)
        _settle(assignment, ledger)
        splits = {}
        for split in SPLITS:
            parts = _parts(split, assignment, config, ledger)
            entry = _write(split, parts, assignment, passages, config, ledger, writer_for)
            if entry:
                splits[split] = entry
                of = f" of {entry['questions']:,} questions" if task_of(config.task).has_candidates else ""
                note(f"  {split}: {entry['rows']:,} {layout_of(config.task).noun}{of}")
    return splits


def _settle(assignment: Assignment, ledger: Ledger) -> None:
    """Enter into the ledger what the assignment decided."""
    for name, spool in assignment.spools.items():
        codes = assignment.codes[name]
        ledger.kept += int((codes >= 0).sum())
        for code, reason in DUPLICATES.items():
            if repeated := int((codes == code).sum()):
                ledger.deduplicated[reason] += repeated
        for code, held_out in LEAKS.items():
            reason = f"{spool.layout.apart} also in {held_out}"
            for rows, _ in spool.rows(codes == code):
                for row in rows.to_pylist():
                    content = f"{row['question']} | {row[spool.layout.text]}"
                    ledger.reject(name, row["source"], row["position"], reason, content)


def _parts(split: str, assignment: Assignment, config: CorpusConfig, ledger: Ledger) -> list[Part]:
    """Return the rows of a split. Without an unlabeled source, the training pairs are unlabeled ones as well."""
    parts = [(name, assignment.mask(name, split)) for name in assignment.spools]
    if split == UNLABELED and UNLABELED not in assignment.spools:
        copies = [(name, _fresh(name, parts, assignment, config)) for name in assignment.spools]
        if count := sum(int(mask.sum()) for _, mask in copies):
            ledger.made["unlabeled pairs that are copies of training pairs"] = count
        parts += copies
    return parts


def _fresh(name: str, parts: list[Part], assignment: Assignment, config: CorpusConfig) -> Mask:
    """Return the training rows of one spool whose pair is not yet among the unlabeled ones."""
    places = np.flatnonzero(assignment.mask(name, TRAIN))
    pairs = assignment.spools[name].pair_key[places]
    mask = np.zeros(len(assignment.spools[name]), bool)
    if config.deduplicate.enabled:
        _, first = np.unique(pairs, return_index=True)
        known = np.concatenate([assignment.spools[part].pair_key[rows] for part, rows in parts])
        first = first[~np.isin(pairs[first], known)]
        places = places[first]
    mask[places] = True
    return mask


def _write(
    split: str,
    parts: list[Part],
    assignment: Assignment,
    passages: list[str] | None,
    config: CorpusConfig,
    ledger: Ledger,
    writer_for: WriterFor,
) -> dict[str, Any] | None:
    groups = np.concatenate([assignment.spools[name].group_key[mask] for name, mask in parts])
    if not len(groups):
        return None
    labelled = split != UNLABELED and assignment.is_judged(split)
    # Nobody has judged mined passages, so they go to splits without golden labels only.
    can_be_mined = task_of(config.task).has_candidates and not labelled
    mine = Mine() if can_be_mined and is_wanted(config.mining, groups) else None
    writer = writer_for(split, labelled)
    layout = layout_of(config.task)
    names = {*layout.rows.names, *(layout.golden.names if labelled else [])}
    ranks = cumulative_counts(groups)
    start = 0
    with progress_bar(f"writing {split}", len(groups)) as bar:
        for rows in _rows(parts, assignment):
            columns = {name: rows[name].combine_chunks() for name in rows.column_names if name in names}
            writer.write({**columns, "rank": ranks[start : start + rows.num_rows]})
            if mine is not None:
                mine.add(rows)
            start += rows.num_rows
            bar.advance(rows.num_rows)
    if mine is not None:
        _write_mined(split, mine, passages, config, ledger, writer)
    return writer.close()


def _rows(parts: list[Part], assignment: Assignment) -> Iterator[pa.Table]:
    for name, mask in parts:
        for rows, _ in assignment.spools[name].rows(mask):
            yield rows


def _write_mined(
    split: str, mine: Mine, passages: list[str] | None, config: CorpusConfig, ledger: Ledger, writer: ShardWriter
) -> None:
    with progress_bar(f"mining candidates of {split}", mine.questions, "questions") as bar:
        for columns in mine.candidates(config.mining, passages, bar):
            writer.write(columns)
            ledger.made[f"{split} pairs mined with BM25"] += len(columns["question"])
    report_without(mine, split)
