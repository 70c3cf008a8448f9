"""Kind ``bi_lstm``: a Bi-LSTM over the corpus's own words (TMKD, 4.4)."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.models.bi_lstm_config import BiLstmConfig
from tmkd.models.folders import IN_WORKSPACE, publish
from tmkd.models.hashes import changed_file
from tmkd.models.shape import StudentShape
from tmkd.students.base import Material, StudentKind, StudentSettings, Tree
from tmkd.tasks.signals import CLASS_LOGITS
from tmkd.workspace import Workspace, fingerprint, folder_fingerprint

READ = ("unlabeled", "train")
"""Splits whose words are counted: none that is judged."""
DONE = "DONE"
"""File that marks a base that is whole."""


class BiLstmKind(StudentKind):
    """Made of words and, where a file is given, of their vectors."""

    name = "bi_lstm"
    meaning = "a Bi-LSTM over words"
    gives = (CLASS_LOGITS,)
    axis = "hidden"
    layers_key = "bi_lstm.layers"
    base_type = BiLstmConfig.model_type

    def shape(self, student: StudentSettings) -> StudentShape:
        """Return its layers with embeddings that are trained: its vectors are random or of another text."""
        return StudentShape(student.bi_lstm.layers, student.pooling, False, student.dropout, student.max_length)

    def base(self, student: StudentSettings, material: Material) -> str:
        """Make the base of the corpus's words unless it is there; returns its name."""
        from tmkd.models.word_base import WordShape, make_word_base  # not above: it takes torch

        settings = student.bi_lstm
        shape = WordShape(settings.words, settings.embedding, settings.hidden, settings.layers)
        vectors = Path(settings.vectors).expanduser() if settings.vectors else None
        stamp = vectors and (str(vectors), vectors.stat().st_size, vectors.stat().st_mtime_ns)
        made_of = [asdict(shape), stamp, material.seed, [material.fingerprints.get(split) for split in READ]]
        folder = f"bases/{material.corpus}/bi_lstm-{fingerprint(made_of)}"
        if not _is_whole(material.workspace, folder):
            with tempfile.TemporaryDirectory(prefix="tmkd-base-") as name:
                make_word_base(Path(name), material.texts(READ), shape, vectors, material.seed)
                done = folder_fingerprint(Path(name)).encode()
                publish(material.workspace, Path(name), folder, {DONE: done})
        return f"{IN_WORKSPACE}{folder}"

    def size(self, student: StudentSettings) -> int:
        """Return the hidden units of each direction."""
        return student.bi_lstm.hidden

    def set_size(self, tree: Tree, size: int) -> None:
        """Write the hidden units of each direction."""
        tree["bi_lstm"]["hidden"] = size

    def rate(self, student: StudentSettings, of_stage: float) -> float:
        """Return its own rate, which holds for both stages."""
        return student.bi_lstm.learning_rate

    def set_rate(self, tree: Tree, rate: float) -> None:
        """Write its own rate."""
        tree["bi_lstm"]["learning_rate"] = rate

    def check(self, student: StudentSettings) -> None:
        """Look for the file of vectors."""
        vectors = student.bi_lstm.vectors
        if vectors and not Path(vectors).expanduser().is_file():
            raise UserError(f"student.bi_lstm.vectors: {vectors}: no such file; give a GloVe text file, or null")


def _is_whole(workspace: Workspace, folder: str) -> bool:
    """Tell whether a base is there as it was published; one that was damaged is made again, as it was."""
    try:
        return workspace.exists(f"{folder}/{DONE}") and changed_file(workspace, folder) is None
    except DamagedError:
        return False
