"""The rows of pairs that are judged, joined with what every teacher and every judge said of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.soft_labels.calibration import to_class_logits
from tmkd.soft_labels.golden import NO_LABEL
from tmkd.soft_labels.join import join_shard
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.class_order import caution_teachers
from tmkd.steps.context import Context
from tmkd.steps.labels import before_averaging
from tmkd.steps.left_out import scored_by_all
from tmkd.workspace import corpus_folder

TIMED_PAIRS = 2000


@dataclass(frozen=True)
class Split:
    """The rows that are judged, in order.

    Attributes:
        ids: int64 [n].
        question_ids: object [n] of strings.
        labels: int64 [n], -1 = none, or not scored by every teacher; grades float32 [n], NaN = none.
        teachers: teacher -> float32 [n, C] probabilities; NaN in rows that it could not score.
        scored: bool [n], whether every teacher has a score.
        weights: of their votes in the ensemble.
        texts: (question, passage) [n].
    """

    ids: npt.NDArray[np.int64]
    question_ids: npt.NDArray[np.object_]
    labels: npt.NDArray[np.int64]
    grades: npt.NDArray[np.float32]
    teachers: dict[str, npt.NDArray[np.float32]]
    scored: npt.NDArray[np.bool_]
    weights: list[float]
    texts: list[tuple[str, str]]

    @property
    def timed(self) -> list[tuple[str, str]]:
        """Texts of at most `TIMED_PAIRS` rows, spread over the split."""
        return self.texts[:: max(1, len(self.texts) // TIMED_PAIRS)][:TIMED_PAIRS]

    @property
    def judged(self) -> bool:
        return bool((self.labels >= 0).any())


def read_split(context: Context, corpus: CorpusManifest, name: str) -> Split:
    """Join a split with every teacher's labels and the golden ones.

    Raises:
        UserError: if no row, or no row with a golden label, was scored by every teacher.
    """
    stores = {t: LabelStore(context.workspace, corpus.name, name, t) for t in context.recipe.teachers}
    shards = [join_shard(context.workspace, corpus.name, name, shard, stores) for shard in corpus.shards(name)]
    columns = ["question_id", "question", "passage"]
    tables = [
        context.workspace.read_table(f"{corpus_folder(corpus.name, name)}/{s}", columns) for s in corpus.shards(name)
    ]
    teachers, calibrations = {}, {}
    for teacher in context.recipe.teachers:
        raw = np.concatenate([shard.logits[teacher] for shard in shards])
        calibrations[teacher] = before_averaging(context, corpus, teacher)
        logits = to_class_logits(raw, calibrations[teacher], len(corpus.classes))
        teachers[teacher] = probabilities_of(logits)
    labels = np.concatenate([shard.labels for shard in shards])
    caution_teachers(context, corpus, labels, teachers, calibrations)
    where = f"{name} split of {corpus.name}"
    scored = scored_by_all(context, where, {t: ~np.isnan(said[:, 0]) for t, said in teachers.items()})
    if (labels >= 0).any() and not (labels[scored] >= 0).any():
        raise UserError(f"{where}: no row that has a golden label was scored by every teacher; see the caution above")
    texts = [
        (question, passage)
        for t in tables
        for question, passage in zip(t["question"].to_pylist(), t["passage"].to_pylist(), strict=True)
    ]
    return Split(
        ids=np.concatenate([shard.ids for shard in shards]),
        question_ids=np.concatenate([np.array(t["question_id"].to_pylist(), dtype=object) for t in tables]),
        labels=np.where(scored, labels, NO_LABEL),
        grades=np.concatenate([shard.grades for shard in shards]),
        teachers=teachers,
        scored=scored,
        weights=[entry.weight for entry in context.recipe.teachers.values()],
        texts=texts,
    )


def probabilities_of(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the softmax of class logits float32 [n, C], row by row; NaN where a row is not finite."""
    scored = np.isfinite(logits).all(axis=1)
    found = np.full_like(logits, np.nan)
    found[scored] = torch.softmax(torch.from_numpy(logits[scored]), dim=1).numpy()
    return found
