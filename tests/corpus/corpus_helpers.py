"""What the corpus tests share: small sources, a short way to build, and where the published data sets are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tmkd.config import parse
from tmkd.corpus.build import prepare_corpus
from tmkd.corpus.config import CorpusConfig
from tmkd.corpus.manifest import CorpusManifest
from tmkd.corpus.schema import GOLDEN
from tmkd.workspace import Workspace, corpus_folder, labels_folder

SUBJECTS = ("filter", "parser", "socket", "matrix", "buffer", "cursor", "palette", "kernel", "widget", "schema")
VERBS = ("opens", "closes", "rotates", "flattens", "compresses", "validates", "merges", "samples", "encodes")

LABELLED = {"question": "question", "passage": "passage", "label": "label"}
EVERYTHING_IN_TRAIN = {"split": {"validation": 0, "test": 0}, "mining": {"enabled": False}}


def config_of(**tree: Any) -> CorpusConfig:
    return parse(CorpusConfig, tree, "test recipe")


def build(workspace: Workspace, **tree: Any) -> CorpusManifest:
    return prepare_corpus(config_of(**tree), workspace)


def rows(workspace: Workspace, manifest: CorpusManifest, split: str) -> list[dict[str, Any]]:
    """Return a split's rows, with label and grade where it has golden labels (joined by file and checked by id)."""
    found = []
    for name in manifest.shards(split):
        pairs = workspace.read_table(f"{corpus_folder(manifest.name, split)}/{name}").to_pylist()
        if manifest.has_labels(split):
            golden = workspace.read_table(f"{labels_folder(manifest.name, split, GOLDEN)}/{name}").to_pylist()
            assert [pair["id"] for pair in pairs] == [label["id"] for label in golden]
            pairs = [{**pair, **label} for pair, label in zip(pairs, golden, strict=True)]
        found.extend(pairs)
    return found


def read(workspace: Workspace, path: Path | str, columns: Any = None, **tree: Any) -> tuple[CorpusManifest, list[Any]]:
    """Build a corpus out of one train file; return its manifest and (question, passage, label) of its rows."""
    tree = {"name": "one", "paths": {"train": str(path)}, "columns": columns or LABELLED, **EVERYTHING_IN_TRAIN, **tree}
    manifest = build(workspace, **tree)
    split = "train" if manifest.has_labels("train") else "unlabeled"
    return manifest, [(row["question"], row["passage"], row.get("label")) for row in rows(workspace, manifest, split)]


def rejected(workspace: Workspace, corpus: str) -> list[tuple[str, int, str]]:
    """Return (source, position, reason) of all rejected rows."""
    folder = f"rejected/{corpus}"
    tables = [workspace.read_table(f"{folder}/{name}") for name in workspace.list(folder, ".parquet")]
    return [(row["source"], row["position"], row["reason"]) for table in tables for row in table.to_pylist()]


def published_data(*parts: str) -> Path:
    """Return a file of the published data sets; skip the test where they are not at hand."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("TMKD_TEST_DATA", beside), *parts)
    if not path.exists():
        pytest.skip(f"{path} is not here; set TMKD_TEST_DATA to the folder of published data sets")
    return path


def write_tsv(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def make_packages(folder: Path, packages: int = 6, functions: int = 80) -> Path:
    """Write packages whose docstrings all differ, so that none is taken for a repetition."""
    for package in range(packages):
        place = folder / f"pack{package}"
        place.mkdir(parents=True)
        text = "".join(_function(package, number) for number in range(functions))
        (place / "__init__.py").write_text('"""Nothing to see."""\n' + text)
    return folder


def _function(package: int, number: int) -> str:
    subject = SUBJECTS[number % len(SUBJECTS)]
    verb = VERBS[(number // len(SUBJECTS)) % len(VERBS)]
    unique = [f"w{package}x{number}y{word}" for word in range(14)]
    return (
        f"def {verb}_{subject}_{package}_{number}():\n"
        f'    """The {subject} {verb} item {unique[0]} quickly.\n\n'
        f"    Long {unique[1]} words about {subject} and {' '.join(unique)} follow here.\n\n"
        f'    Examples:\n        >>> hidden_{number}()\n    """\n\n'
    )
