"""What is to be labelled, checked whole before any actor starts: classes, stores, weights, host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmkd.errors import UserError
from tmkd.labelling.hosts import Choice, choose_host
from tmkd.labelling.job import Corpus, View
from tmkd.labelling.probe import Probing
from tmkd.models.folders import local_folder
from tmkd.runtimes.host import Host
from tmkd.soft_labels.store import LabelStore
from tmkd.tasks.registry import task_of
from tmkd.teachers.base import Card
from tmkd.teachers.classes import ClassMatch, match_classes
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.teachers.kinds import GIVES, kinds_for, tasks_for
from tmkd.workspace import Workspace, fingerprint


@dataclass(frozen=True)
class Plan:
    """The work of one model's teachers on one corpus.

    Attributes:
        config: of the first teacher; the others differ in `question_pattern` alone.
        views: the teachers, by name.
        stores: by (split, teacher), each bound.
        todo: (split, shard) -> teachers whose labels of it are missing, in order.
    """

    workspace: Workspace
    corpus: Corpus
    folder: str
    host: Host
    config: TeacherConfig
    views: dict[str, View]
    stores: dict[tuple[str, str], LabelStore]
    todo: dict[tuple[str, str], list[str]]

    def missing(self, teacher: str) -> int:
        """Return how many shards a teacher has to label."""
        return sum(teacher in teachers for teachers in self.todo.values())

    def done(self, teacher: str) -> int:
        """Return how many shards a teacher has labelled already."""
        splits = [split for split, name in self.stores if name == teacher]
        return sum(len(self.corpus.shards(split)) for split in splits) - self.missing(teacher)


def plan_labels(
    workspace: Workspace,
    corpus: Corpus,
    splits: Sequence[str],
    teachers: Mapping[str, TeacherConfig],
    folder: str,
    relabel: bool = False,
    requeue: bool = False,
) -> Plan:
    """Check that a model's teachers can label a corpus, bind their stores, and list what is missing.

    Raises:
        UserError: see `tmkd.labelling.pipeline.label_corpus`.
    """
    first, config = next(iter(teachers.items()))
    path = local_folder(folder, f"teachers.{first}.model")
    card = teacher_class(config.kind).describe(config, path, load_tokenizer(path))
    classes = _classes(first, config, card, corpus)
    stores = {
        (split, name): LabelStore(workspace, corpus.name, split, name)
        for split in splits
        for name in teachers
        if corpus.shards(split)
    }
    if relabel:
        _clear(store for store in stores.values() if not store.is_legible)
    if relabel or any(store.identity is None for store in stores.values()):
        _try_loading(first, config, path)
    probing = _probing(workspace, corpus, list(dict.fromkeys(split for split, _ in stores)), first, folder)

    def bindings(bound: dict[str, Any] | None) -> _Bindings:
        choice = choose_host(config, bound, probing)
        views = {name: _view(each, card, classes, choice) for name, each in teachers.items()}
        wanted = {(split, name): _store_identity(views[name], card, corpus, split) for split, name in stores}
        return _Bindings(choice.host, views, wanted)

    found = bindings(next((store.identity for store in stores.values() if store.identity), None))
    if relabel:
        stale = found.stale(stores)
        if len(stale) == len(stores):  # nothing that is kept says how the rest is to be made
            found = bindings(None)
        _clear(stores[place] for place in stale)
    for place, store in stores.items():
        store.bind(found.wanted[place])
        if requeue:
            store.requeue(corpus.shards(place[0]))
    return Plan(workspace, corpus, folder, found.host, config, found.views, stores, _todo(corpus, stores))


@dataclass(frozen=True)
class _Bindings:
    """What the labels of every store would be bound to, on one host."""

    host: Host
    views: dict[str, View]
    wanted: dict[tuple[str, str], dict[str, Any]]

    def stale(self, stores: Mapping[tuple[str, str], LabelStore]) -> list[tuple[str, str]]:
        """Return the stores that hold nothing, or labels that something else made."""
        return [place for place, store in stores.items() if store.fingerprint != fingerprint(self.wanted[place])]


def _clear(stores: Iterable[LabelStore]) -> None:
    for store in stores:
        store.clear()


def _probing(workspace: Workspace, corpus: Corpus, splits: Sequence[str], teacher: str, folder: str) -> Probing | None:
    """Return where runtimes are tried; None without labels to make, and for spans: the gate is for pairs."""
    if not splits or not task_of(corpus.task).tries_runtimes:
        return None
    split, pairs = splits[0], sum(corpus.rows(each) for each in splits)
    shard = corpus.shards(split)[0]
    return Probing(workspace, corpus.name, split, corpus.split_fingerprint(split), shard, teacher, folder, pairs)


def _try_loading(teacher: str, config: TeacherConfig, folder: Path) -> None:
    """Load a model once before it binds a store. Raises `UserError` naming the teacher if it cannot be used."""
    try:
        teacher_class(config.kind).load(config, folder, Host("cpu", "fp32"))
    except UserError as error:
        raise UserError(f"teachers.{teacher}.model: {error}") from None


def _classes(teacher: str, config: TeacherConfig, card: Card, corpus: Corpus) -> ClassMatch:
    """Return the model's column for each stored column; none for spans."""
    if GIVES[config.kind] not in task_of(corpus.task).gives:
        raise UserError(
            f"teachers.{teacher}.kind: {config.kind} is for corpora of task {tasks_for(config.kind)}, but "
            f"{corpus.name} is of task {corpus.task}; right would be {' or '.join(kinds_for(corpus.task))}"
        )
    if not task_of(corpus.task).has_classes:
        return ClassMatch([])
    return match_classes(teacher, card.columns, card.classes, corpus.classes, config.classes)


def _view(config: TeacherConfig, card: Card, classes: ClassMatch, choice: Choice) -> View:
    probe = {"probe": choice.figures} if choice.figures else {}
    # Who learned from columns in another order learns again; the plain order was never part of an identity.
    mapped = {} if classes.is_plain else {"columns_by_name": classes.order}
    identity = {**card.identity(config, choice.host), **probe, **mapped}
    return View(card.question_view(config), identity, classes.order, card.reads[1])


def _todo(corpus: Corpus, stores: Mapping[tuple[str, str], LabelStore]) -> dict[tuple[str, str], list[str]]:
    todo: dict[tuple[str, str], list[str]] = {}
    for (split, name), store in stores.items():
        for shard in store.missing(corpus.shards(split)):
            todo.setdefault((split, shard), []).append(name)
    return todo


def _store_identity(view: View, card: Card, corpus: Corpus, split: str) -> dict[str, Any]:
    """Return what binds the store of one split: the teacher, the split's ids and text, the order of classes."""
    classes = list(corpus.classes) if card.columns == len(corpus.classes) else None
    return {
        **view.identity,
        "corpus": corpus.split_fingerprint(split),
        "classes": classes,
        "column_order": view.order,
    }
