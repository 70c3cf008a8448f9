"""Span readers: start and end logits over the whole of a long context, read in overlapping windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForQuestionAnswering, PreTrainedModel, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.loading import load_model
from tmkd.runtimes.base import FloatArray, Progress, Scored, no_progress
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network
from tmkd.teachers.base import Card, Teacher, model_facts
from tmkd.teachers.classifier import check_max_length
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.text.features import IntArray, Ragged, Template
from tmkd.text.span_logits import SpanLogits
from tmkd.text.windows import merge, windows

MIN_ROOM = 8
"""Tokens of a context that a window must hold beside the longest question and what it shares with the last window."""


class StartsAndEnds(Network):
    """Start and end logits of every place of an input, [B, 2 × max_length], padded with zeros on the right."""

    pooled = False

    def __init__(self, model: PreTrainedModel, max_length: int) -> None:
        super().__init__(model)
        self.max_length = max_length

    @property
    def width(self) -> int:
        return 2 * self.max_length

    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        found = self.model(**inputs)
        both = torch.stack([found.start_logits, found.end_logits], dim=-1)  # [B, L, 2]
        padded = nn.functional.pad(both, (0, 0, 0, self.max_length - both.shape[1]))  # [B, max_length, 2]
        return padded.flatten(1)


class SpanReader(Teacher):
    """Any `AutoModelForQuestionAnswering`: one window after the other, each token heard where it has most context."""

    @classmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        check_windows(config, tokenizer)
        kept = {} if config.top_logits is None else {"top_logits": config.top_logits}
        return Card(2, None, {**model_facts(folder, tokenizer), **window_facts(config), **kept})

    @classmethod
    def load(cls, config: TeacherConfig, folder: Path, host: Host) -> SpanReader:
        model, made_up = load_model(AutoModelForQuestionAnswering, folder)
        if made_up:
            raise UserError(
                f"{folder}: has no span head (its weights lack {', '.join(made_up[:3])}), so its scores would be "
                "random; train it first (jobs/train_teachers.py)"
            )
        tokenizer = load_tokenizer(folder)
        check_max_length(config, model, folder)
        card = cls.describe(config, folder, tokenizer)
        return cls(config, card, host, StartsAndEnds(model, config.max_length), Template.of(tokenizer, 2))

    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> Scored[SpanLogits]:
        cut = cut_windows(self._runtime.features.template, self.config, question, passage)
        rows = len(passage)

        found = self._runtime.run(cut.question, cut.context, progress=cut.contexts_done(rows, progress))
        faults = {int(cut.row[window]): reason for window, reason in found.faults.items()}
        heard = [self._heard(cut, mine, found.values) for mine in cut.of_each(rows)]
        null = np.array([score for _, score in heard], dtype=np.float32)
        return Scored(SpanLogits.of([tokens for tokens, _ in heard], null), faults)

    def _heard(self, cut: Windows, mine: slice, values: FloatArray) -> tuple[FloatArray, float]:
        """Return logits [T, 2] of one context out of its windows, and its null score: that of the most doubtful one."""
        logits = values[mine].reshape(-1, self.config.max_length, 2)  # [W, max_length, 2]
        spans, first = cut.spans[mine], cut.first[mine]
        said = [logits[w, first[w] : first[w] + stop - start] for w, (start, stop) in enumerate(spans)]
        return merge(spans, int(spans[-1, 1]), said), float(logits[:, 0].sum(axis=1).min())


def window_facts(config: TeacherConfig) -> dict[str, int]:
    """Return what a reader's labels depend on beside its weights: how it cuts contexts."""
    return {"overlap": config.overlap, "max_question_tokens": config.max_question_tokens}


def check_windows(config: TeacherConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raise `UserError` if windows hardly move on over a long context, or have the token for no answer at their end."""
    template = Template.of(tokenizer, 2)
    first, *_, last = template.parts
    if tokenizer.cls_token_id in last and tokenizer.cls_token_id not in first:
        raise UserError(
            f"the tokenizer puts its class token ({tokenizer.cls_token}), which stands for no answer, at the end; span "
            "readers with it at the beginning are supported"
        )
    room = config.max_length - template.special_tokens - config.max_question_tokens
    if room < config.overlap + MIN_ROOM:
        raise UserError(
            f"max_length {config.max_length}: beside a question of max_question_tokens "
            f"{config.max_question_tokens} a window has {room} token(s) for the context, of which overlap takes "
            f"{config.overlap}; raise max_length or lower overlap, so that at least {MIN_ROOM} are new"
        )


@dataclass(frozen=True)
class Windows:
    """Inputs of W windows over n contexts.

    Attributes:
        question, context: tokens of each window's question and part of its context.
        row: which context it is of, int64 [W], rising.
        spans: its first token in that context and the one after its last, int64 [W, 2].
        first: place of its first context token in the model's input, int64 [W].
    """

    question: Ragged
    context: Ragged
    row: IntArray
    spans: IntArray
    first: IntArray

    def of_each(self, rows: int) -> list[slice]:
        """Return which windows are each of the ``rows`` contexts'."""
        begins = np.searchsorted(self.row, np.arange(rows + 1))  # windows of a row stand together
        return [slice(*begins[row : row + 2]) for row in range(rows)]

    def contexts_done(self, rows: int, progress: Progress) -> Progress:
        """Return what turns windows done into contexts done."""
        return lambda done: progress(rows * done // max(1, len(self.row)))


def cut_windows(template: Template, config: TeacherConfig, question: Ragged, context: Ragged) -> Windows:
    """Cut every context into the windows in which a reader sees it, the question before each of them."""
    before = len(template.parts[0]) + len(template.parts[1])
    asked, texts, rows, spans, first = [], [], [], [], []
    for row in range(len(context)):
        words, text = question.row(row)[: config.max_question_tokens], context.row(row)
        room = config.max_length - template.special_tokens - len(words)
        for start, stop in windows(len(text), room, config.overlap):
            asked.append(words)
            texts.append(text[start:stop])
            rows.append(row)
            spans.append((start, stop))
            first.append(before + len(words))
    return Windows(
        Ragged.of(asked, question.values.dtype), Ragged.of(texts, context.values.dtype), np.array(rows, np.int64),
        np.array(spans, np.int64).reshape(-1, 2), np.array(first, np.int64),
    )  # fmt: skip
