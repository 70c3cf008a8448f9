"""Bi-encoders: cosine of two embeddings as a raw score (C = 1), calibrated to a logit on read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.loading import load_model
from tmkd.runtimes.base import FloatArray, Progress, Scored, no_progress
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network
from tmkd.tasks.features import IntArray, Ragged, Template
from tmkd.teachers.base import Card, Teacher, model_facts
from tmkd.teachers.classifier import check_max_length
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer

POOLING_FILE = Path("1_Pooling", "config.json")
POOLING_MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class Embeddings(Network):
    """L2-normalised embeddings of single texts, [B, H]."""

    def __init__(self, model: PreTrainedModel, pooling: str) -> None:
        super().__init__(model)
        self.pooling = pooling

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        hidden = self.model(**inputs).last_hidden_state.float()  # [B, L, H]
        if self.pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = inputs["attention_mask"].unsqueeze(-1).float()  # [B, L, 1]
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        return nn.functional.normalize(pooled, dim=-1)


class BiEncoder(Teacher):
    """Embeds question and passage apart; every distinct text of a shard is encoded once."""

    @classmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        pooling = folder_pooling(folder) if config.pooling == "auto" else config.pooling
        return Card(1, None, {**model_facts(folder, tokenizer), "pooling": pooling})

    @classmethod
    def load(cls, config: TeacherConfig, folder: Path, host: Host) -> BiEncoder:
        model, made_up = load_model(AutoModel, folder)
        lacking = [key for key in made_up if "pooler" not in key]  # pooled here, never by the model's pooler
        if lacking:
            raise UserError(f"{folder}: its weights lack {', '.join(lacking[:3])}; is config.json of another model?")
        tokenizer = load_tokenizer(folder)
        check_max_length(config, model, folder)
        card = cls.describe(config, folder, tokenizer)
        return cls(config, card, host, Embeddings(model, card.facts["pooling"]), Template.of(tokenizer, 1))

    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> Scored[FloatArray]:
        return self.score_views([question], passage, progress)[0]

    def score_views(
        self, questions: Sequence[Ragged], passage: Ragged, progress: Progress = no_progress
    ) -> list[Scored[FloatArray]]:
        pairs, columns = len(passage), [distinct(column) for column in (passage, *questions)]
        tokens = [max(1, int(texts.offsets[-1])) for texts, _ in columns]

        def report(turn: int) -> Progress:
            before, texts = sum(tokens[:turn]), len(columns[turn][0])
            return lambda done: progress(pairs * (before + tokens[turn] * done // max(1, texts)) // sum(tokens))

        # A column is a run of its own, so that no view's bits depend on which others stand beside it.
        passages, *views = (
            _Embedded(self._runtime.run(texts, progress=report(turn)), places)
            for turn, (texts, places) in enumerate(columns)
        )
        return [view.times(passages) for view in views]


@dataclass(frozen=True)
class _Embedded:
    """Embeddings of the distinct texts of a column, and where each row's stands among them."""

    texts: Scored[FloatArray]
    places: IntArray

    def times(self, other: _Embedded) -> Scored[FloatArray]:
        left, right = self.texts.values[self.places], other.texts.values[other.places]  # [n, H] each
        faults = {**other.faults(), **self.faults()}
        return Scored(np.einsum("nh,nh->n", left, right)[:, None], faults)

    def faults(self) -> dict[int, str]:
        reasons = self.texts.faults
        return {row: reasons[int(place)] for row, place in enumerate(self.places) if int(place) in reasons}


def folder_pooling(folder: Path) -> str:
    """Return the pooling that a sentence-transformers folder asks for, ``mean`` where it says nothing.

    Raises:
        UserError: if it asks for one that is not offered here.
    """
    path = folder / POOLING_FILE
    if not path.is_file():
        return "mean"
    modes = json.loads(path.read_text(encoding="utf-8"))
    chosen = [key for key, value in modes.items() if key.startswith("pooling_mode_") and value is True]
    if len(chosen) == 1 and chosen[0] in POOLING_MODES:
        return POOLING_MODES[chosen[0]]
    raise UserError(f"{path}: pooling {', '.join(chosen)} is not offered; set pooling: mean or cls to choose one")


def distinct(column: Ragged) -> tuple[Ragged, IntArray]:
    """Return the distinct rows of a column, and int64 [n] where each of its rows stands among them."""
    seen: dict[bytes, int] = {}
    places = np.array(
        [seen.setdefault(column.row(index).tobytes(), len(seen)) for index in range(len(column))], dtype=np.int64
    )
    rows = [np.frombuffer(text, dtype=column.values.dtype) for text in seen]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(np.concatenate(rows) if rows else column.values[:0], offsets), places
