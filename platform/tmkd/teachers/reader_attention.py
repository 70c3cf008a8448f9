"""Where an ensemble of span readers looks: the mean of their attention, for Hu et al. (EMNLP 2018), 3.3 and 3.4.

All of them read the same windows with one tokenizer, whose tokens the maps are counted in.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from transformers import AutoModelForQuestionAnswering, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.folders import local_folder
from tmkd.models.loading import load_model
from tmkd.objectives.attention_mse import question_attention
from tmkd.runtimes.base import FloatArray, Progress, Scored, no_progress
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network, takes_types
from tmkd.teachers.base import Card, Teacher
from tmkd.teachers.classifier import check_max_length
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer, weights_fingerprint
from tmkd.teachers.span_reader import check_windows, cut_windows, window_facts
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.features import Ragged, Template
from tmkd.text.tokens import vocabulary_fingerprint
from tmkd.text.windows import merge

KIND = "reader_attention"


class AttentionConfig(TeacherConfig):
    """The readers whose attention is averaged; ``model`` is the first one's."""

    kind: str = Field(default=KIND, description="always reader_attention")
    others: tuple[str, ...] = Field(default=(), description="models of the other readers")

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, kind: str) -> str:
        if kind != KIND:
            raise ValueError(f"kind is {KIND}, found {kind!r}")
        return kind

    def folders(self, first: Path) -> list[Path]:
        """Return the local folders of all readers."""
        return [first, *(local_folder(other, "teachers") for other in self.others)]


class MeanAttention(Network):
    """The readers' last-layer attention on the question, mean over heads and readers, [B, max_length × question].

    Args:
        readers: encoders with attention in their outputs.
        max_length: tokens of an input, to which shorter ones are padded with zeros.
        template: where the question stands in it.
        question: tokens that are read of one.
    """

    pooled = False

    def __init__(self, readers: list[PreTrainedModel], max_length: int, template: Template, question: int) -> None:
        super().__init__(readers[0])
        self.readers = nn.ModuleList(reader.eval().requires_grad_(False) for reader in readers)
        self.typed = [takes_types(reader) for reader in readers]
        self.takes_types = any(self.typed)
        self.max_length = max_length
        self.question = question
        self.before = len(template.parts[0])
        self.separator = template.parts[1][0]

    @property
    def width(self) -> int:
        return self.max_length * self.question

    @property
    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self.readers.parameters())

    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        asked = self._of_question(inputs["input_ids"])  # [B, L]
        everywhere = torch.ones_like(asked)  # whose rows are the context's is known where windows are put together
        untyped = {name: value for name, value in inputs.items() if name != "token_type_ids"}
        means = []
        for reader, typed in zip(self.readers, self.typed, strict=True):
            last = reader(**(inputs if typed else untyped), output_attentions=True).attentions[-1]  # [B, H, L, L]
            means.append(question_attention(last.float(), everywhere, asked))  # [B, L, L]
        mean = torch.stack(means).mean(dim=0)[:, :, self.before : self.before + self.question]
        room = (0, self.question - mean.shape[2], 0, self.max_length - mean.shape[1])
        return nn.functional.pad(mean, room).flatten(1)

    def _of_question(self, input_ids: Tensor) -> Tensor:
        """Tell which tokens are the question's: those up to the first separator after it has begun."""
        place = torch.arange(input_ids.shape[1], device=input_ids.device)
        inside = place >= self.before
        ended = ((input_ids == self.separator) & inside).cumsum(dim=1) > 0
        return inside & ~ended


class ReaderAttention(Teacher):
    """Several `AutoModelForQuestionAnswering` of one tokenizer as one teacher of where to look."""

    @classmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        assert isinstance(config, AttentionConfig)
        check_windows(config, tokenizer)
        if not Template.of(tokenizer, 2).parts[1]:
            raise UserError(
                f"{folder}: its tokenizer puts no separator between question and context, which attention needs to "
                "tell them apart; set finetune.attention to 0"
            )
        weights = [weights_fingerprint(path) for path in config.folders(folder)]
        facts = {"weights": weights, "vocabulary": vocabulary_fingerprint(tokenizer), "signal": "attention"}
        return Card(0, None, {**facts, **window_facts(config)})

    @classmethod
    def load(cls, config: TeacherConfig, folder: Path, host: Host) -> ReaderAttention:
        assert isinstance(config, AttentionConfig)
        tokenizer = load_tokenizer(folder)
        card, template = cls.describe(config, folder, tokenizer), Template.of(tokenizer, 2)
        readers = [_reader(config, path, str(card.facts["vocabulary"])) for path in config.folders(folder)]
        network = MeanAttention(readers, config.max_length, template, config.max_question_tokens)
        return cls(config, card, host, network, template)

    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> Scored[AttentionMaps]:
        template, config, rows = self._runtime.features.template, self.config, len(passage)
        cut = cut_windows(template, config, question, passage)
        found = self._runtime.run(cut.question, cut.context, progress=cut.contexts_done(rows, progress))
        faults = {int(cut.row[window]): reason for window, reason in found.faults.items()}
        maps = []
        for row, mine in enumerate(cut.of_each(rows)):
            asked = question.row(row)[: config.max_question_tokens]
            if template.parts[1][0] in asked:
                faults[row] = "the question holds the separator token"
            spans, first = cut.spans[mine], cut.first[mine]
            seen = found.values[mine].reshape(-1, config.max_length, config.max_question_tokens)  # [W, L, N]
            parts = [seen[w, first[w] : first[w] + b - a, : len(asked)] for w, (a, b) in enumerate(spans)]
            merged: FloatArray = merge(spans, int(spans[-1, 1]), parts)  # [T, N]
            maps.append(np.zeros((0, 0), np.float32) if row in faults else merged)
        return Scored(AttentionMaps.of(maps), faults)


def _reader(config: TeacherConfig, folder: Path, vocabulary: str) -> PreTrainedModel:
    """Load one reader's encoder; its attention must be computed in a way that shows it."""
    if vocabulary_fingerprint(load_tokenizer(folder)) != vocabulary:
        raise UserError(
            f"{folder}: attention can be averaged only over readers of one tokenizer, and this one's differs; set "
            "finetune.attention to 0"
        )
    model, _ = load_model(AutoModelForQuestionAnswering, folder)
    check_max_length(config, model, folder)
    encoder: PreTrainedModel = model.base_model
    encoder.set_attn_implementation("eager")
    return encoder
