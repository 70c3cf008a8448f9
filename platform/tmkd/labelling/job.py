"""What every process of one labelling run is told. Imports no torch, so that helper processes start quickly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tmkd.runtimes.host import Host
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.config import TeacherConfig
from tmkd.text.text_view import WHOLE, TextView
from tmkd.workspace import Workspace, corpus_folder


class Corpus(Protocol):
    """What labelling needs to know of a corpus (`tmkd.corpus.manifest.CorpusManifest` is one)."""

    @property
    def name(self) -> str: ...

    @property
    def task(self) -> str: ...

    @property
    def classes(self) -> Sequence[str]: ...

    def shards(self, split: str) -> list[str]: ...

    def rows(self, split: str) -> int: ...

    def split_fingerprint(self, split: str) -> str: ...


Row = dict[str, Any]
TEXT_COLUMN = "text"
"""What the tokens of passage or context are called in a row between two stages."""
MAX_REJECTED = 0.5
"""Share of rejected rows above which a teacher, and not its rows, is at fault."""


@dataclass(frozen=True)
class View:
    """One of the teachers that look through the same model: they differ in what they read of a question.

    Attributes:
        question: what it reads of a question.
        identity: what binds its labels, and what its model must say of itself on every node.
        order: the model's column for each stored column; none for spans, whose two are start and end.
        passage: what it reads of a passage or context; the same for all teachers of one model.
    """

    question: TextView
    identity: dict[str, Any]
    order: list[int]
    passage: TextView = WHOLE


@dataclass(frozen=True)
class Job:
    """One model, with all teachers that look through it, over the shards of one corpus; sent to every worker.

    Attributes:
        workspace: where all of it lies.
        corpus: name of the corpus.
        fingerprints: split -> fingerprint of its ids and text; keys the token cache.
        text: the corpus's column beside the question, ``passage`` or ``context``.
        views: the teachers, by name.
        bound: (split, teacher) -> fingerprint of the store when this run began; labels go to no other.
        config: of the first of them; the others differ in `question_pattern` alone.
        folder: folder, package or Hub id, resolved on every node.
        host: device and number format that bind the stores.
        threads: cores of an actor.
        task: name under which progress is posted.
        pairs: about how many pairs are to be scored in all.
        max_rejected: share of a shard's rows above which none of it is labelled.
    """

    workspace: Workspace
    corpus: str
    fingerprints: dict[str, str]
    text: str
    views: dict[str, View]
    bound: dict[tuple[str, str], str]
    config: TeacherConfig
    folder: str
    host: Host
    threads: int
    task: str
    pairs: int
    max_rejected: float = MAX_REJECTED

    @property
    def key(self) -> str:
        """The recipe key of the model, for messages."""
        return f"teachers.{next(iter(self.views))}.model"

    @property
    def passage(self) -> TextView:
        """What the model reads of a passage or context."""
        return next(iter(self.views.values())).passage

    def store(self, split: str, teacher: str) -> LabelStore:
        return LabelStore(self.workspace, self.corpus, split, teacher)

    def shard_path(self, split: str, shard: str) -> str:
        return f"{corpus_folder(self.corpus, split)}/{shard}"


def view_column(teacher: str) -> str:
    """Return what a teacher's view of the question is called there; no teacher's name makes it anything else's."""
    return f"view:{teacher}"


def rejected_path(corpus: str, split: str, teacher: str, shard: str) -> str:
    """Return where the rows of a shard lie that a teacher could not score."""
    return f"rejected/{corpus}/{split}-{teacher}-{shard}"
