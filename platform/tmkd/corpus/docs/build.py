"""The splits of the default source: a large unlabeled one and three small golden-labelled ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tmkd.console import note, progress_bar, warn
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.docs.harvest import harvest
from tmkd.corpus.docs.packages import find_sources
from tmkd.corpus.docs.pairs import Pair, PairMaker
from tmkd.corpus.docs.parse import Entry
from tmkd.corpus.docs.select import distinct_entries, split_entries
from tmkd.corpus.ledger import Ledger
from tmkd.corpus.schema import TEST, TRAIN, UNLABELED, VALIDATION
from tmkd.corpus.shards import ShardWriter
from tmkd.errors import UserError

MIN_ENTRIES = 3
WriterFor = Callable[[str, bool], ShardWriter]
"""Opens the writer of a split; the flag says whether it has golden labels."""


def build_docs(config: CorpusConfig, ledger: Ledger, writer_for: WriterFor) -> dict[str, dict[str, Any]]:
    """Read, select and pair the documentation; write its splits.

    Returns:
        The ``splits`` part of the manifest.

    Raises:
        UserError: if there is too little documentation to make the splits from.
    """
    parsed = harvest(find_sources(config.docs))
    for path, reason, message in parsed.broken:
        ledger.reject("docs", path, 0, reason, message)
    ledger.filtered.update(parsed.filtered)
    ledger.read = len(parsed.entries) + parsed.filtered.total() + len(parsed.broken)
    entries = distinct_entries(parsed.entries, config, ledger)
    ledger.kept = len(entries)
    divided = split_entries(entries, config)
    _check_enough(divided, config)
    _check_apart(divided, by_package=config.split.by != "question")
    splits = {
        **_write_train_side(divided[TRAIN], config, writer_for),
        VALIDATION: _write_labelled(VALIDATION, divided[VALIDATION], config, writer_for),
        TEST: _write_labelled(TEST, divided[TEST], config, writer_for),
    }
    return {split: entry for split, entry in splits.items() if entry}


def reserve(train: list[Entry], unlabeled: int, golden: int) -> tuple[list[Entry], list[Entry]]:
    """Choose (unlabeled, golden) questions: one from the front of the hash order, the other from its back.

    So another golden size changes neither the unlabeled questions nor the golden ones both sizes have. Where there are
    too few for both, golden questions get at most half.
    """
    golden = min(golden, max(len(train) // 2, len(train) - unlabeled))
    return train[: min(unlabeled, len(train) - golden)], train[::-1][:golden]


def _write_train_side(train: list[Entry], config: CorpusConfig, writer_for: WriterFor) -> dict[str, Any]:
    maker = PairMaker(train, config.docs.negatives, config.seed)
    asked = config.docs.unlabeled_questions
    unlabeled, golden = reserve(train, asked, config.docs.golden_questions)
    _tell_shortage(UNLABELED, len(unlabeled), asked)
    _tell_shortage(TRAIN, len(golden), config.docs.golden_questions)
    writer = writer_for(UNLABELED, False)
    pairs: list[Pair] = []
    with progress_bar("pairing unlabeled", len(unlabeled), "questions") as bar:
        for entry in unlabeled:
            pairs.extend(maker.unlabeled(entry))
            bar.advance()
    writer.write(_columns(pairs, labelled=False))
    return {UNLABELED: writer.close(), TRAIN: _write_pairs(TRAIN, golden, maker, writer_for)}


def _write_labelled(split: str, entries: list[Entry], config: CorpusConfig, writer_for: WriterFor) -> Any:
    asked = config.docs.validation_questions if split == VALIDATION else config.docs.test_questions
    chosen = entries[:asked]
    _tell_shortage(split, len(chosen), asked)
    return _write_pairs(split, chosen, PairMaker(entries, config.docs.negatives, config.seed), writer_for)


def _write_pairs(split: str, chosen: list[Entry], maker: PairMaker, writer_for: WriterFor) -> Any:
    writer = writer_for(split, True)
    pairs: list[Pair] = []
    with progress_bar(f"pairing {split}", len(chosen), "questions") as bar:
        for turn, entry in enumerate(chosen):
            pairs.extend(maker.labelled(entry, turn))
            bar.advance()
    writer.write(_columns(pairs, labelled=True))
    return writer.close()


def _columns(pairs: list[Pair], labelled: bool) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [getattr(pair, name) for pair in pairs] for name in Pair._fields}
    labels = columns.pop("label")
    return {**columns, "label": labels, "grade": labels} if labelled else columns


def _check_enough(divided: dict[str, list[Entry]], config: CorpusConfig) -> None:
    asked = {VALIDATION: config.docs.validation_questions, TEST: config.docs.test_questions, TRAIN: 1}
    for split, entries in divided.items():
        if asked[split] and len(entries) < MIN_ENTRIES:
            counts = ", ".join(f"{name} {len(part)}" for name, part in divided.items())
            raise UserError(
                f"corpus.docs: too little documentation for the {split} split (docstrings: {counts}); name more or "
                "larger packages in corpus.docs.packages (at least three), or set it to null for all installed ones"
            )


def _check_apart(divided: dict[str, list[Entry]], by_package: bool) -> None:
    """Assert that no package (or docstring) lies in two splits."""
    seen: dict[str, str] = {}
    for split, entries in divided.items():
        for entry in entries:
            unit = entry.package if by_package else entry.key
            if seen.setdefault(unit, split) != split:
                raise AssertionError(f"{unit} is in {split} and in {seen[unit]}")


def _tell_shortage(split: str, found: int, asked: int) -> None:
    if found < asked:
        warn(f"{split}: {found:,} questions instead of {asked:,}; the packages read hold no more")
    note(f"  {split}: {found:,} questions")
