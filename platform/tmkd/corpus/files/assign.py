"""Which split every row goes to: carved by question where no file is given, without leaks, without repeated pairs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.sparse import block_array, coo_array
from scipy.sparse.csgraph import connected_components

from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.files.sources import WHOLE
from tmkd.corpus.files.spool import Mask, Spool
from tmkd.corpus.hashing import Hashes, mix
from tmkd.corpus.schema import SPLITS, TEST, TRAIN, UNLABELED, VALIDATION

Codes = npt.NDArray[np.int8]
CODE = {split: code for code, split in enumerate(SPLITS)}
REPEATED, NEAR, IN_VALIDATION, IN_TEST = -1, -2, -3, -4
DUPLICATES = {REPEATED: "repeated pair", NEAR: "near-duplicate passage"}
LEAKS = {IN_VALIDATION: VALIDATION, IN_TEST: TEST}


@dataclass
class Assignment:
    """``codes[split of the spool]`` int8 ``[rows]``: number of the split a row goes to, or why it goes to none."""

    spools: dict[str, Spool]
    codes: dict[str, Codes] = field(default_factory=dict)
    shared: int = 0
    """Rows whose question (or context) is also in a held-out split, kept because ``split.shared_questions`` says so."""

    def mask(self, spool: str, split: str) -> Mask:
        return np.asarray(self.codes[spool] == CODE[split])

    def gathered(self, key: str, split: str) -> Hashes:
        """Return one of `KEYS` of all rows of a split, in the order of writing."""
        parts = [getattr(spool, key)[self.mask(name, split)] for name, spool in self.spools.items()]
        return np.concatenate(parts) if parts else np.empty(0, np.uint64)

    def is_judged(self, split: str) -> bool:
        return any(spool.judged[self.mask(name, split)].any() for name, spool in self.spools.items())

    def rows(self, split: str) -> int:
        return sum(int(self.mask(name, split).sum()) for name in self.spools)


def assign(spools: dict[str, Spool], config: CorpusConfig) -> Assignment:
    """Decide on every row; afterwards no question (context) lies in a held-out split and in another one."""
    assignment = Assignment(spools)
    for name, spool in spools.items():
        start = TRAIN if name == WHOLE else name
        assignment.codes[name] = np.full(len(spool), CODE[start], np.int8)
    _carve(assignment, config)
    _unlabel(assignment)
    _keep_apart(assignment, reject=config.split.shared_questions == "reject")
    if config.deduplicate.enabled:
        _drop_repeated(assignment)
    return assignment


def assert_apart(assignment: Assignment) -> None:
    """Assert that test and validation share no question (context) with any other split."""
    for split, others in ((TEST, (VALIDATION, TRAIN, UNLABELED)), (VALIDATION, (TRAIN, UNLABELED))):
        held_out = np.unique(assignment.gathered("text_key", split))
        for other in others:
            both = np.intersect1d(held_out, assignment.gathered("text_key", other))
            if len(both):
                raise AssertionError(f"{len(both)} questions or contexts are in {split} and in {other}")


def cumulative_counts(groups: Hashes) -> npt.NDArray[np.int32]:
    """Return for every row how many rows before it have the same group, int32 ``[rows]``."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    places = np.arange(len(groups))
    is_first = np.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(groups) else np.empty(0, bool)
    counts = np.empty(len(groups), np.int32)
    counts[order] = places - np.maximum.accumulate(np.where(is_first, places, 0))
    return counts


def _carve(assignment: Assignment, config: CorpusConfig) -> None:
    """Hold out questions of the pool (the whole file, else train, else unlabeled) for splits that have no file.

    Where some of its questions are judged, only judged ones are held out: an evaluation split is there to be scored.
    """
    pool = next((name for name in (WHOLE, TRAIN, UNLABELED) if name in assignment.spools), None)
    if pool is None:
        return
    spool, codes = assignment.spools[pool], assignment.codes[pool]
    units = _units(spool)
    judged = units[spool.judged]
    questions = np.unique(judged if len(judged) else units)
    questions = questions[np.argsort(mix(questions, config.seed), kind="stable")]
    start = 0
    for split, share in ((TEST, config.split.test), (VALIDATION, config.split.validation)):
        if split in assignment.spools or not share:
            continue
        count = max(round(share * len(questions)), int(len(questions) >= 3))
        codes[np.isin(units, questions[start : start + count])] = CODE[split]
        start += count


def _units(spool: Spool) -> Hashes:
    """Return for every row the key of what it must stay together with: all rows of its group or of its text.

    Mostly that is the group alone; but one text may stand under several ids, and would then be in two splits.
    """
    groups, group = np.unique(spool.group_key, return_inverse=True)
    texts, text = np.unique(spool.text_key, return_inverse=True)
    shape = (len(groups), len(texts))
    edges = coo_array((np.ones(len(group), np.int8), (group, text)), shape=shape)
    both = block_array([[None, edges], [edges.T, None]], format="csr")
    _, component = connected_components(both, directed=False)
    smallest = np.full(int(component.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, component[: len(groups)], groups)
    return np.asarray(smallest[component[: len(groups)]][group], np.uint64)


def _unlabel(assignment: Assignment) -> None:
    """Training rows that nobody has judged are unlabeled ones."""
    for name, spool in assignment.spools.items():
        codes = assignment.codes[name]
        codes[(codes == CODE[TRAIN]) & ~spool.judged] = CODE[UNLABELED]


def _keep_apart(assignment: Assignment, reject: bool) -> None:
    """Reject rows whose question (context) is held out elsewhere. Test never loses a row, train loses first."""
    for split, reason, losers in (
        (TEST, IN_TEST, (VALIDATION, TRAIN, UNLABELED)),
        (VALIDATION, IN_VALIDATION, (TRAIN, UNLABELED)),
    ):
        held_out = np.unique(assignment.gathered("text_key", split))
        for name, spool in assignment.spools.items():
            codes = assignment.codes[name]
            leaks = np.isin(codes, [CODE[loser] for loser in losers]) & np.isin(spool.text_key, held_out)
            if reject:
                codes[leaks] = reason
            else:
                assignment.shared += int(leaks.sum())


def _drop_repeated(assignment: Assignment) -> None:
    """Drop unlabeled rows whose question and passage are there already; labelled rows are never dropped."""
    seen = np.empty(0, np.uint64)
    for name, spool in assignment.spools.items():
        places = np.flatnonzero(assignment.mask(name, UNLABELED))
        pairs, first = np.unique(spool.pair_key[places], return_index=True)
        fresh = places[first[~np.isin(pairs, seen)]]
        seen = np.concatenate([seen, pairs])
        repeated = np.setdiff1d(places, fresh, assume_unique=True)
        assignment.codes[name][repeated] = REPEATED
