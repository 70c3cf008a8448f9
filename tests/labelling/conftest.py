"""One corpus labelled once in an undisturbed run; every test that disturbs something compares with its bytes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tiny_teachers import TinyCorpus, bert_classifier, write_corpus
from tmkd.labelling.pipeline import label_corpus
from tmkd.labelling.report import LabelReport
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace

SHARDS = {"train": 9, "dev": 1}
ROWS = 60


@dataclass(frozen=True)
class Bench:
    """A workspace with a corpus in it, and a teacher."""

    workspace: Workspace
    corpus: TinyCorpus
    model: Path

    def label(
        self,
        model: Path | None = None,
        splits: tuple[str, ...] = ("train", "dev"),
        relabel: bool = False,
        **options: Any,
    ) -> LabelReport:
        folder = model or self.model
        settings = {"model": str(folder), "max_length": 32, "precision": "fp32", "batch_tokens": 64} | options
        teachers = {"t": TeacherConfig(**settings)}
        return label_corpus(self.workspace, self.corpus, list(splits), teachers, folder, relabel)["t"]

    def labels(self) -> dict[str, bytes]:
        """Return every file of the label stores with its bytes."""
        root = self.workspace.local_path("soft_labels")
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def published(self) -> int:
        return len(self.workspace.list("soft_labels/tiny/train/t", suffix=".parquet"))


def make_bench(folder: Path, model: Path) -> Bench:
    workspace = Workspace.open(str(folder))
    return Bench(workspace, write_corpus(workspace, SHARDS, rows=ROWS), model)


@pytest.fixture(scope="session")
def teacher(tmp_path_factory) -> Path:
    return bert_classifier(tmp_path_factory.mktemp("teacher") / "m", num_labels=2)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory, teacher, ray_session) -> Bench:
    """Labelled by two actors of one core each. Tests must not change it."""
    bench = make_bench(tmp_path_factory.mktemp("labelled"), teacher)
    report = bench.label(resources={"actors": 2})
    assert (report.pairs, report.shards_done, report.shards_skipped, report.rejected) == (600, 10, 0, 0)
    return bench


@pytest.fixture
def bench(tmp_path, teacher, ray_session) -> Bench:
    """A corpus without labels."""
    return make_bench(tmp_path / "workspace", teacher)


@pytest.fixture
def copy(tmp_path, labelled) -> Bench:
    """A copy of the labelled workspace, to be damaged."""
    shutil.copytree(labelled.workspace.local_path(), tmp_path / "copy")
    return Bench(Workspace.open(str(tmp_path / "copy")), labelled.corpus, labelled.model)
