"""What readers say of a shard, on the tokens of the model that learns from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tmkd.errors import UserError
from tmkd.soft_labels.join import check_ids
from tmkd.soft_labels.store import LabelStore
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.features import Ragged
from tmkd.text.span_logits import SpanLogits
from tmkd.text.span_projection import Grid, project
from tmkd.text.tokens import read_grids
from tmkd.training.stage import StageSpec
from tmkd.workspace import Workspace

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Said:
    """What one reader says of one context, on the tokens of the model that learns: [T, 2], and no answer's score."""

    tokens: FloatArray
    null: float

    @property
    def scored(self) -> bool:
        return bool(np.isfinite(self.null))


@dataclass(frozen=True)
class Reader:
    """One reader's labels of a shard (whose file is ``where``), and where its own tokens lie."""

    where: str
    labels: SpanLogits
    starts: Ragged
    ends: Ragged

    def on(self, row: int, target: Grid) -> Said:
        """Carry what it says of a row over to another tokenizer's tokens."""
        null = float(self.labels.null[row])
        if not np.isfinite(null):
            return Said(np.zeros((len(target), 2), np.float32), null)
        source = Grid(self.starts.row(row).astype(np.int64), self.ends.row(row).astype(np.int64))
        if len(source) != len(self.labels.row(row)):
            raise UserError(f"{self.where}: row {row} differs in length from its tokens; label again with --relabel")
        return Said(project(self.labels.row(row), source, target), null)


def readers_of(stage: StageSpec, workspace: Workspace, shard: str, ids: IntArray) -> dict[str, Reader]:
    """Read the labels of every reader that a stage learns from, by name.

    Args:
        stage: whose readers.
        workspace: where their labels lie.
        shard: name of the shard.
        ids: int64 [n], of its rows.

    Raises:
        UserError: if labels are missing, or are of other rows.
    """
    confusing = stage.reading.confusing if stage.reading else None
    signals = [*stage.signals.values(), *([confusing] if confusing else [])]
    readers = {}
    for name in sorted({teacher for signal in signals for teacher in signal.teachers}):
        store = LabelStore(workspace, stage.data.corpus, stage.data.split, name)
        found, labels = store.read_spans(shard)
        check_ids(ids, found, store.location(shard))
        vocabulary = str((store.identity or {})["vocabulary"])
        grids = read_grids(workspace, vocabulary, stage.data.fingerprints[stage.data.split], stage.data.split, shard)
        readers[name] = Reader(store.location(shard), labels, *grids)
    return readers


def maps_of(stage: StageSpec, workspace: Workspace, tokens: str, shard: str, ids: IntArray) -> AttentionMaps:
    """Read where the readers look together.

    Args:
        stage: that learns it.
        workspace: where it lies.
        tokens: folder of the token cache of the model that learns.
        shard: name of the shard.
        ids: int64 [n], of its rows.

    Raises:
        UserError: if the labels are missing, of other rows, or counted in another tokenizer's tokens.
    """
    assert stage.reading is not None
    assert stage.reading.attention is not None
    store = LabelStore(workspace, stage.data.corpus, stage.data.split, stage.reading.attention.teachers[0])
    found, maps = store.read_attention(shard)
    check_ids(ids, found, store.location(shard))
    if f"tokens/{(store.identity or {})['vocabulary']}" != tokens:
        raise UserError(
            f"{store.location(shard)}: where readers look is counted in tokens of another tokenizer than that of "
            f"{stage.name}'s model; give it the readers', or set finetune.attention to 0"
        )
    return maps
