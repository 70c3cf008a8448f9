"""The questions of a split that readers are judged on, with all that is stored about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.corpus.config import CorpusConfig, PathsConfig
from tmkd.corpus.manifest import CorpusManifest
from tmkd.evaluation.span_answers import Readings
from tmkd.recipe.recipe import Recipe
from tmkd.soft_labels.golden import read_answers
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.steps.left_out import scored_by_all
from tmkd.text.span_projection import grids_of
from tmkd.text.tokens import read_grids
from tmkd.workspace import corpus_folder

TIMED_PAIRS = 500


@dataclass(frozen=True)
class SpanSplit:
    """The questions that are judged, in order.

    Left out of the measures are those that no judge has spoken about, and those that a reader could not read.

    Attributes:
        title: how users are shown it.
        where: folder of its report.
        variants: see `tmkd.recipe.evaluation.OtherTest`.
        source_ids: the user's keys.
        questions, contexts: texts.
        references: legal answers; [] where there is none, None where nobody has judged.
        readers: teacher -> what its labels say.
        scored: bool [n], whether every reader could read the context.
    """

    title: str
    where: str
    variants: bool
    source_ids: list[str]
    questions: list[str]
    contexts: list[str]
    references: list[list[str] | None]
    readers: dict[str, Readings]
    scored: npt.NDArray[np.bool_]

    @property
    def timed(self) -> list[tuple[str, str]]:
        """(question, context) of at most `TIMED_PAIRS` rows, spread over the split."""
        pairs = list(zip(self.questions, self.contexts, strict=True))
        return pairs[:: max(1, len(pairs) // TIMED_PAIRS)][:TIMED_PAIRS]

    @property
    def judged(self) -> list[int]:
        return [row for row, known in enumerate(self.references) if known is not None and self.scored[row]]

    @property
    def keys(self) -> npt.NDArray[np.object_]:
        """What tells the questions of the judged rows apart: variants of one share it."""
        ids = [self.source_ids[row] for row in self.judged]
        return np.array([key.split("-")[0] if self.variants else key for key in ids], dtype=object)


def other_corpus(recipe: Recipe, key: str) -> CorpusConfig:
    """Return the corpus that a further test file is made into: the recipe's, of that file alone."""
    paths = PathsConfig(test=recipe.evaluation.also[key].path)
    return recipe.corpus.model_copy(update={"name": f"{recipe.corpus.name}_{key}", "path": None, "paths": paths})


def read_span_split(
    context: Context, corpus: CorpusManifest, name: str, key: str = "", variants: bool = False
) -> SpanSplit:
    """Join a split with every reader's labels and the golden answers; ``key`` names a further test file."""
    workspace, shards = context.workspace, corpus.shards(name)
    folder = corpus_folder(corpus.name, name)
    texts = pa.concat_tables(
        workspace.read_table(f"{folder}/{shard}", ["source_id", "question", "context"]) for shard in shards
    )
    references: list[list[str] | None] = []
    for shard in shards:
        golden = read_answers(workspace, corpus.name, name, shard)
        assert golden is not None
        references += [None if each is None else [str(answer["text"]) for answer in each] for each in golden.answers]
    readers = {teacher: _labels(context, corpus, name, teacher) for teacher in context.recipe.teachers}
    source_ids, questions, contexts = (texts[name].to_pylist() for name in ("source_id", "question", "context"))
    where = "/".join(part for part in (context.recipe.run_name, key) if part)
    title = f"{name} split of {corpus.name}"
    scored = scored_by_all(context, title, {teacher: ~np.isnan(said.null) for teacher, said in readers.items()})
    return SpanSplit(title, where, variants, source_ids, questions, contexts, references, readers, scored)


def _labels(context: Context, corpus: CorpusManifest, split: str, teacher: str) -> Readings:
    store = LabelStore(context.workspace, corpus.name, split, teacher)
    vocabulary = str((store.identity or {})["vocabulary"])
    each = []
    for shard in corpus.shards(split):
        grids = read_grids(context.workspace, vocabulary, corpus.split_fingerprint(split), split, shard)
        each.append(Readings.of(store.read_spans(shard)[1], grids_of(*grids)))
    return Readings(
        [logits for said in each for logits in said.logits],
        [grid for said in each for grid in said.grids],
        np.concatenate([said.null for said in each]),
    )
