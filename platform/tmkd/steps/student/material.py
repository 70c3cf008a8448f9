"""What a student's base may be made of: texts of the run's corpus."""

from __future__ import annotations

from collections.abc import Iterator

from tmkd.corpus.manifest import CorpusManifest
from tmkd.corpus.schema import layout_of
from tmkd.steps.context import Context
from tmkd.students.base import Material
from tmkd.workspace import corpus_folder


def material(context: Context, corpus: CorpusManifest) -> Material:
    """Return the material of a run; texts are read when they are asked for."""
    columns = ["question", layout_of(corpus.task).text]

    def texts(splits: tuple[str, ...]) -> Iterator[str]:
        for split in splits:
            for shard in corpus.shards(split):
                table = context.workspace.read_table(f"{corpus_folder(corpus.name, split)}/{shard}", columns)
                for column in columns:
                    yield from table[column].to_pylist()

    return Material(context.workspace, corpus.name, corpus.fingerprints, texts, context.recipe.student_seed)
