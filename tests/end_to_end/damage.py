"""One file of each kind in the workspace of the default recipe, and ways to damage it."""

from __future__ import annotations

import json
from pathlib import Path

SHARD = "part-00000.parquet"
FILES = {
    "corpus": f"corpora/docs/train/{SHARD}",
    "golden labels": f"soft_labels/docs/test/golden/{SHARD}",
    "soft labels": f"soft_labels/docs/train/summary/{SHARD}",
    "corpus manifest": "corpora/docs/manifest.json",
    "store": "soft_labels/docs/train/cross_encoder/store.json",
    "label manifest": "soft_labels/docs/validation/summary/manifest.json",
    "tokens": f"tokens/*/*/train/passage/{SHARD}",
    "teacher": "teachers/docs/cross_encoder/model.safetensors",
    "calibration": "teachers/docs/summary/calibration.json",
    "student": "students/docs/finetuned/model.safetensors",
    "student's note": "students/docs/finetuned/stage.json",
    "student's hashes": "students/docs/pretrained/hashes.json",
    "base": "fixture/base/model.safetensors",
}
REMAKE, DELETE = "jobs/prepare_corpus.py --remake", "delete the folder"
REFUSED = {
    "corpus": REMAKE, "golden labels": REMAKE, "corpus manifest": REMAKE, "store": "label again with --relabel",
    "teacher": DELETE, "student": DELETE, "student's note": DELETE, "student's hashes": "restore or delete it",
    "base": DELETE,
}  # fmt: skip
"""Kinds that a job does not make again by itself -> the remedy that it names."""


def path_of(workspace: Path, kind: str) -> Path:
    """Return the first file of a kind."""
    return sorted(workspace.glob(FILES[kind]))[0]


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    """Keep the first half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def age(workspace: Path) -> None:
    """Take away what versions before hashes of models and checksums did not write."""
    for file in sorted(workspace.rglob("*.json")):
        if file.name == "hashes.json" or "corpus_index" in file.parts:
            file.unlink()
        elif file.name in ("manifest.json", "calibration.json"):
            tree = json.loads(file.read_text())
            del tree["checksum"]
            file.write_text(json.dumps(tree))


def contents(workspace: Path) -> dict[str, bytes]:
    """Return every file but MLflow's, with its bytes."""
    files = {str(path.relative_to(workspace)): path for path in sorted(workspace.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith("ml")}
