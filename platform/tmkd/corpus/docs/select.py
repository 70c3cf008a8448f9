"""Which docstrings are used, and which packages are held out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tmkd.console import progress_bar
from tmkd.corpus.config import CorpusConfig, DeduplicateConfig
from tmkd.corpus.dedupe import NearDuplicates
from tmkd.corpus.docs.parse import Entry
from tmkd.corpus.hashing import seeded_hash
from tmkd.corpus.ledger import Ledger
from tmkd.corpus.schema import TEST, TRAIN, VALIDATION

OPENING_WORDS = 10
_WORD = re.compile(r"\w+")


def distinct_entries(entries: Iterable[Entry], config: CorpusConfig, ledger: Ledger) -> list[Entry]:
    """Return the entries without repetitions, at most ``docs.max_per_package`` a package, in seeded hash order.

    Every later choice walks this order, so any prefix of it is a fair sample.
    """
    ordered = sorted(entries, key=lambda entry: (seeded_hash(config.seed, "order", entry.key), entry))
    repetition = _Repetition(config.deduplicate)
    taken: Counter[str] = Counter()
    kept = []
    with progress_bar("removing repetitions", len(ordered), "docstrings") as bar:
        for entry in ordered:
            bar.advance()
            reason = repetition.of(entry)
            if reason:
                ledger.deduplicated[reason] += 1
            elif taken[entry.package] >= config.docs.max_per_package:
                ledger.filtered[f"beyond {config.docs.max_per_package:,} of a package"] += 1
            else:
                taken[entry.package] += 1
                kept.append(entry)
    return kept


def split_entries(entries: list[Entry], config: CorpusConfig) -> dict[str, list[Entry]]:
    """Divide entries into train, validation and test so that no package (or, if asked for, docstring) is in two."""
    by_package = config.split.by != "question"
    units = [entry.package if by_package else entry.key for entry in entries]
    home = _homes(Counter(units), config)
    divided: dict[str, list[Entry]] = {TRAIN: [], VALIDATION: [], TEST: []}
    for unit, entry in zip(units, entries, strict=True):
        divided[home[unit]].append(entry)
    return divided


def _homes(sizes: Counter[str], config: CorpusConfig) -> dict[str, str]:
    """Give units to splits in seeded hash order, each to the split that is furthest below its share.

    Units that would fill half a held-out split come first, largest first, and go to train: a test on one or two
    packages would say little about others. The last units go to splits that would stay empty.
    """
    held_out = {VALIDATION: config.split.validation, TEST: config.split.test}
    shares = {TRAIN: 1 - sum(held_out.values()), **{split: share for split, share in held_out.items() if share > 0}}
    targets = {split: share * sizes.total() for split, share in shares.items()}
    limit = min(targets.values()) / 2

    def turn(unit: str) -> tuple[int, int, str]:
        return (-sizes[unit] if sizes[unit] > limit else 0, seeded_hash(config.seed, "split", unit), unit)

    home: dict[str, str] = {}
    filled = dict.fromkeys(targets, 0)
    for place, unit in enumerate(sorted(sizes, key=turn)):
        empty = [split for split in targets if not filled[split]]
        open_to_it = empty if len(sizes) - place <= len(empty) else list(targets)
        if sizes[unit] > limit and TRAIN in open_to_it and filled[TRAIN] < targets[TRAIN]:
            split = TRAIN
        else:
            split = min(open_to_it, key=lambda name: filled[name] / targets[name])
        filled[split] += sizes[unit]
        home[unit] = split
    return home


class _Repetition:
    """Why a docstring says nothing new."""

    def __init__(self, config: DeduplicateConfig) -> None:
        self._keys: set[str] = set()
        self._questions: set[str] = set()
        self._openings: set[str] = set()
        self._enabled = config.enabled
        self._near = NearDuplicates(config.threshold) if config.near is not False else None

    def of(self, entry: Entry) -> str | None:
        if entry.key in self._keys:
            return "repeated symbol"
        self._keys.add(entry.key)
        if not self._enabled:
            return None
        question = " ".join(_WORD.findall(entry.question.lower()))
        opening = " ".join(_WORD.findall(entry.passage.lower())[:OPENING_WORDS])
        if question in self._questions:
            return "repeated question"
        if opening in self._openings:
            return "repeated opening"
        if self._near and self._near.repeats(entry.passage):
            return "near-duplicate passage"
        self._questions.add(question)
        self._openings.add(opening)
        return None
