"""What is to be labelled, checked whole before any actor starts: classes, stores, weights, host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import torch

from tmkd.cluster import connect
from tmkd.errors import UserError
from tmkd.labelling.job import Corpus, View
from tmkd.labelling.pool import HELPER_CPUS, Nodes
from tmkd.models.folders import local_folder
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import resolve_precision
from tmkd.soft_labels.store import LabelStore
from tmkd.teachers.base import Card
from tmkd.teachers.classes import match_classes
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kinds import teacher_class
from tmkd.workspace import Workspace


@dataclass(frozen=True)
class Plan:
    """The work of one model's teachers on one corpus.

    Attributes:
        views: the teachers, by name.
        stores: by (split, teacher), each bound.
        todo: (split, shard) -> teachers whose labels of it are missing, in order.
    """

    workspace: Workspace
    corpus: Corpus
    folder: str
    host: Host
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
    relabel: bool,
) -> Plan:
    """Check that a model's teachers can label a corpus, bind their stores, and list what is missing.

    Raises:
        UserError: see `tmkd.labelling.pipeline.label_corpus`.
    """
    first, config = next(iter(teachers.items()))
    path = local_folder(folder, f"teachers.{first}.model")
    card = teacher_class(config.kind).describe(config, path, load_tokenizer(path))
    order = match_classes(first, card.columns, card.classes, corpus.classes)
    stores = {
        (split, name): LabelStore(workspace, corpus.name, split, name)
        for split in splits
        for name in teachers
        if corpus.shards(split)
    }
    bound = None if relabel else next((s.identity for s in stores.values() if s.identity), None)
    host = _host(config, bound)
    if relabel or any(store.identity is None for store in stores.values()):
        teacher_class(config.kind).load(config, path, Host("cpu", "fp32"))  # a headless model must not bind a store
    views = {name: View(each.question_pattern, card.identity(each, host), order) for name, each in teachers.items()}
    for (split, name), store in stores.items():
        wanted = _store_identity(views[name], card, corpus, split)
        if relabel and store.identity not in (None, wanted):
            store.clear()
        store.bind(wanted)
    return Plan(workspace, corpus, folder, host, views, stores, _todo(corpus, stores))


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


def _host(config: TeacherConfig, bound: dict[str, Any] | None) -> Host:
    """Return device and precision: what the recipe fixes, else what bound the store, else the cluster's best."""
    device: str = config.resources.device
    if device == "auto" and config.resources.gpus_per_actor == 0:
        device = "cpu"
    if device == "auto" and bound is not None:
        device = str(bound["backend"]).removeprefix("torch-")
    if device == "auto":
        connect()
        device = "cuda" if Nodes.now().gpus > 0 else "cpu"
    if config.precision != "auto":
        return Host(device, config.precision)
    if bound is not None and bound["backend"] == f"torch-{device}":
        return Host(device, str(bound["dtype"]))
    return Host(device, _best_precision(config, device))


def _best_precision(config: TeacherConfig, device: str) -> str:
    """Resolve ``auto`` where the actors will run: here on a single machine, else on a node of theirs."""
    connect()
    nodes = Nodes.now()
    here = torch.cuda.is_available() if device == "cuda" else nodes.count == 1
    if here:
        return resolve_precision("auto", device)
    if device == "cuda" and not nodes.gpus:
        raise UserError(
            "precision: auto cannot be resolved before a GPU node is there; set it to bf16 or fp32 in the recipe"
        )
    share = 0.0 if device == "cpu" else 1.0 if config.resources.gpus_per_actor == "auto" else 0.01
    ask = ray.remote(num_cpus=HELPER_CPUS, num_gpus=share)(resolve_precision)
    answer: str = ray.get(ask.remote("auto", device))
    return answer
