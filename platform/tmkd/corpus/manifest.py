"""What a finished corpus holds; written last, so a corpus with a manifest is a whole corpus."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tmkd.workspace import Workspace, corpus_folder


def manifest_path(corpus: str) -> str:
    """Return ``corpora/<corpus>/manifest.json``."""
    return f"{corpus_folder(corpus)}/manifest.json"


@dataclass(frozen=True)
class CorpusManifest:
    """A corpus as it lies in the workspace.

    Attributes:
        name: folder name of the corpus.
        made_from: fingerprint of the config and of the sources.
        fingerprint: of ids and text of all splits, not of labels.
        classes: class names, in the order of the label indices; none for span reading.
        splits: ``{split: {"shards": [{"name", "rows"}], "rows", "questions", "labelled", "fingerprint"}}``;
            a split without rows is not listed. ``labelled`` counts rows with a golden label.
        counts: rows read, kept, and rejected, filtered and deduplicated by reason; rows made here.
        seconds: how long the build took.
        task: ``pair`` or ``span``.
    """

    name: str
    made_from: str
    fingerprint: str
    classes: list[str]
    splits: dict[str, dict[str, Any]]
    counts: dict[str, Any]
    seconds: float
    task: str = "pair"

    @classmethod
    def load(cls, workspace: Workspace, corpus: str) -> CorpusManifest | None:
        """Return the manifest of a finished corpus; None if there is none, or one of an older layout."""
        path = manifest_path(corpus)
        if not workspace.exists(path):
            return None
        try:
            return cls(**workspace.read_json(path))
        except (TypeError, ValueError):
            return None

    def publish(self, workspace: Workspace) -> None:
        workspace.publish_json(manifest_path(self.name), dataclasses.asdict(self))

    def shards(self, split: str) -> list[str]:
        """Return the file names of a split's shards, in order; none if the split is not there."""
        return [shard["name"] for shard in self._split(split).get("shards", [])]

    def rows(self, split: str) -> int:
        return int(self._split(split).get("rows", 0))

    def shard_rows(self, split: str) -> dict[str, int]:
        """Return ``{shard name: rows}`` of a split, in order."""
        return {shard["name"]: int(shard["rows"]) for shard in self._split(split).get("shards", [])}

    def questions(self, split: str) -> int:
        return int(self._split(split).get("questions", 0))

    def labelled(self, split: str) -> int:
        """Return how many rows of the split have a golden label."""
        return int(self._split(split).get("labelled", 0))

    def has_labels(self, split: str) -> bool:
        return self.labelled(split) > 0

    @property
    def fingerprints(self) -> dict[str, str]:
        """``{split: fingerprint of its ids and text}``."""
        return {split: self.split_fingerprint(split) for split in self.splits}

    def split_fingerprint(self, split: str) -> str:
        """Return the fingerprint of one split's ids and text, which does not change when another split does."""
        return str(self._split(split).get("fingerprint", ""))

    def _split(self, split: str) -> dict[str, Any]:
        return self.splits.get(split, {})
