"""A workspace with a corpus and a teacher in it, which the tests of this room label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_teachers import TinyCorpus, write_corpus
from tmkd.labelling.job import MAX_REJECTED
from tmkd.labelling.pipeline import label_corpus
from tmkd.labelling.report import LabelReport
from tmkd.teachers.config import TeacherConfig
from tmkd.workspace import Workspace

SHARDS = {"train": 9, "dev": 1}
ROWS = 60
ONE_ACTOR = {"actors": 1}
"""What tests label with unless they say otherwise: a second actor is another five seconds of imports."""


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
        requeue: bool = False,
        max_rejected: float = MAX_REJECTED,
        **options: Any,
    ) -> LabelReport:
        folder = model or self.model
        settings: dict[str, Any] = {
            "model": str(folder), "max_length": 32, "precision": "fp32", "batch_tokens": 64, "resources": ONE_ACTOR,
        }  # fmt: skip
        settings |= options
        teachers = {"t": TeacherConfig(**settings)}
        return label_corpus(
            self.workspace, self.corpus, list(splits), teachers, folder, relabel, requeue, max_rejected
        )["t"]

    def labels(self) -> dict[str, bytes]:
        """Return every file of the label stores with its bytes."""
        root = self.workspace.local_path("soft_labels")
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def published(self) -> int:
        return len(self.workspace.list("soft_labels/tiny/train/t", suffix=".parquet"))


def make_bench(folder: Path, model: Path) -> Bench:
    workspace = Workspace.open(str(folder))
    return Bench(workspace, write_corpus(workspace, SHARDS, rows=ROWS), model)
