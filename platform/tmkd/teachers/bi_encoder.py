"""Bi-encoders: cosine of two embeddings as a raw score (C = 1), calibrated to a logit on read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.runtimes.torch_runtime import FloatArray, Progress, TorchRuntime, no_progress
from tmkd.tasks.features import Features, IntArray, Ragged, Template
from tmkd.teachers.base import Card, Teacher, model_facts
from tmkd.teachers.classifier import check_max_length, takes_types
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.host import Host
from tmkd.teachers.loading import load_model

POOLING_FILE = Path("1_Pooling", "config.json")
POOLING_MODES = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}


class BiEncoder(Teacher):
    """Embeds question and passage apart; every distinct text of a shard is encoded once."""

    def __init__(
        self, config: TeacherConfig, card: Card, host: Host, model: PreTrainedModel, template: Template
    ) -> None:
        super().__init__(config, card, host)
        self._features = Features(template, config.max_length)
        self._takes_types = takes_types(model)
        self._pooling = card.facts["pooling"]
        self._runtime = TorchRuntime(model, host.precision, host.device, self.batch_tokens)

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
        return cls(config, card, host, model, Template.of(tokenizer, 1))

    @property
    def parameter_count(self) -> int:
        return self._runtime.parameter_count

    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> FloatArray:
        pairs = len(question)
        if not pairs:
            return np.empty((0, 1), dtype=np.float32)
        texts, places = distinct(question, passage)

        def report(done: int) -> None:
            progress(done * pairs // len(texts))

        embeddings = self._runtime.run(self._features, (texts,), self._forward, report)  # [texts, H]
        left, right = embeddings[places[:pairs]], embeddings[places[pairs:]]  # [n, H] each
        return np.einsum("nh,nh->n", left, right)[:, None]

    def _forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        if not self._takes_types:
            inputs.pop("token_type_ids", None)
        hidden = self._runtime.model(**inputs).last_hidden_state.float()  # [B, L, H]
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = inputs["attention_mask"].unsqueeze(-1).float()  # [B, L, 1]
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(pooled, dim=-1)


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


def distinct(*columns: Ragged) -> tuple[Ragged, IntArray]:
    """Return the distinct rows of several columns and where each row of each column stands among them.

    Returns:
        The distinct texts, and int64 [total rows] places: first all rows of the first column, then the next.
    """
    seen: dict[bytes, int] = {}
    rows: list[npt.NDArray[np.unsignedinteger]] = []
    places: list[int] = []
    for column in columns:
        for index in range(len(column)):
            row = column.row(index)
            place = seen.setdefault(row.tobytes(), len(seen))
            if place == len(rows):
                rows.append(row)
            places.append(place)
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(np.concatenate(rows), offsets), np.array(places, dtype=np.int64)
