"""What a finished corpus holds; written last, so a corpus with a manifest is a whole corpus."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from tmkd.integrity import DamagedError, remedy
from tmkd.sealed import publish_sealed, read_sealed
from tmkd.tasks.registry import DEFAULT
from tmkd.workspace import Workspace, corpus_folder, is_folder_name, is_shard_name


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
        task: name of the task (`tmkd.tasks`).
    """

    name: str
    made_from: str
    fingerprint: str
    classes: list[str]
    splits: dict[str, dict[str, Any]]
    counts: dict[str, Any]
    seconds: float
    task: str = DEFAULT

    @classmethod
    def load(cls, workspace: Workspace, corpus: str) -> CorpusManifest | None:
        """Return the manifest of a finished corpus; None if there is none.

        Raises:
            DamagedError: if it is cut or edited, contradicts itself, or names a shard outside its split's folder.
        """
        path = manifest_path(corpus)
        if not workspace.exists(path):
            return None
        tree = read_sealed(workspace, path)
        reason = fault(tree, corpus)
        if reason:
            raise DamagedError(f"{workspace.show(path)}: {reason}; {remedy(path)}")
        return cls(**tree)

    def publish(self, workspace: Workspace) -> None:
        publish_sealed(workspace, manifest_path(self.name), dataclasses.asdict(self))

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


def fault(tree: dict[str, Any], corpus: str) -> str | None:
    """Return what makes a manifest unusable, None if it can be used; for what no checksum tells.

    Args:
        tree: what the file holds.
        corpus: name of the folder that it is in.
    """
    fields = {field.name: field for field in dataclasses.fields(CorpusManifest)}
    unknown = sorted(tree.keys() - fields.keys())
    needed = {name for name, field in fields.items() if field.default is field.default_factory is dataclasses.MISSING}
    absent = sorted(needed - tree.keys())
    if unknown or absent:
        return f"is no manifest of this version (unknown keys: {unknown}, missing keys: {absent})"
    if tree["name"] != corpus:
        return f"is the manifest of corpus {tree['name']!r}"
    splits = tree["splits"]
    if not isinstance(splits, dict) or not isinstance(tree["classes"], list):
        return "splits is no mapping or classes no list"
    return next((reason for split, entry in splits.items() if (reason := _split_fault(split, entry))), None)


def _split_fault(split: str, entry: Any) -> str | None:
    try:
        names = [str(shard["name"]) for shard in entry["shards"]]
        rows = sum(int(shard["rows"]) for shard in entry["shards"])
        whole, _ = int(entry["rows"]), str(entry["fingerprint"])
    except (TypeError, KeyError, ValueError):
        return f"splits.{split} does not list its shards with their rows"
    outside = [name for name in names if not is_shard_name(name)]
    if outside or not is_folder_name(split):
        return f"splits.{split} names {outside[0] if outside else split!r}, which is no file in the split's folder"
    if len(set(names)) < len(names) or rows != whole:
        return f"splits.{split} has {whole} rows, but its {len(set(names))} shards have {rows}"
    return None
