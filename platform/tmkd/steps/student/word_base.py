"""What a Bi-LSTM student is cut from: made once a corpus and seed, of the corpus's own words."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tmkd.corpus.manifest import CorpusManifest
from tmkd.integrity import DamagedError
from tmkd.models.folders import IN_WORKSPACE, publish
from tmkd.models.hashes import changed_file
from tmkd.models.word_base import WordShape, make_word_base
from tmkd.steps.context import Context
from tmkd.workspace import Workspace, corpus_folder, fingerprint, folder_fingerprint

READ = ("unlabeled", "train")
"""Splits whose words are counted: none that is judged."""
DONE = "DONE"
"""File that marks a base that is whole."""


def student_base(context: Context, corpus: CorpusManifest) -> str:
    """Return the name of the model that the student is cut from, making it first where it is a Bi-LSTM's."""
    student = context.recipe.student
    return student.base if student.kind == "encoder" else ensure_word_base(context, corpus)


def ensure_word_base(context: Context, corpus: CorpusManifest) -> str:
    """Make the Bi-LSTM's base unless it is there; returns its name."""
    student, seed = context.recipe.student, context.recipe.student_seed
    settings = student.bi_lstm
    shape = WordShape(settings.words, settings.embedding, settings.hidden, settings.layers)
    vectors = Path(settings.vectors).expanduser() if settings.vectors else None
    stamp = vectors and (str(vectors), vectors.stat().st_size, vectors.stat().st_mtime_ns)
    made_of = [asdict(shape), stamp, seed, [corpus.fingerprints.get(split) for split in READ]]
    folder = f"bases/{corpus.name}/bi_lstm-{fingerprint(made_of)}"
    if not _is_whole(context.workspace, folder):
        with tempfile.TemporaryDirectory(prefix="tmkd-base-") as name:
            make_word_base(Path(name), _texts(context, corpus), shape, vectors, seed)
            done = folder_fingerprint(Path(name)).encode()
            publish(context.workspace, Path(name), folder, {DONE: done})
    return f"{IN_WORKSPACE}{folder}"


def _is_whole(workspace: Workspace, folder: str) -> bool:
    """Tell whether a base is there as it was published; one that was damaged is made again, as it was."""
    try:
        return workspace.exists(f"{folder}/{DONE}") and changed_file(workspace, folder) is None
    except DamagedError:
        return False


def _texts(context: Context, corpus: CorpusManifest) -> Iterator[str]:
    for split in READ:
        for shard in corpus.shards(split):
            columns = ["question", "passage"]
            table = context.workspace.read_table(f"{corpus_folder(corpus.name, split)}/{shard}", columns)
            for column in columns:
                yield from table[column].to_pylist()
