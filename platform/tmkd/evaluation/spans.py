"""Spans: how finished readers are loaded and read with; start and end logits of whole contexts come out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from tmkd.evaluation.span_answers import Readings
from tmkd.evaluation.task_scoring import Pairs, Rows, TaskScoring, TextLimits, Views
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.span_reader import SpanReader
from tmkd.text.span_logits import SpanLogits
from tmkd.text.span_projection import grids_of
from tmkd.text.tokens import CONTEXT, TokenCache, tokenize, tokenize_whole


def _load(folder: Path, tokenizer: PreTrainedTokenizerBase, limits: TextLimits, host: Host) -> SpanReader:
    config = TeacherConfig(
        kind="span_reader", model=str(folder), max_length=limits.max_length, overlap=limits.overlap,
        max_question_tokens=limits.max_question_tokens,
    )  # fmt: skip
    return SpanReader.load(config, folder, host)


def _of_texts(tokenizer: PreTrainedTokenizerBase, pairs: Pairs, views: Views) -> Rows:
    asked, read = views
    text = tokenize_whole(tokenizer, [read.of(context) for _, context in pairs])
    questions = tokenize(tokenizer, [asked.of(question) for question, _ in pairs])
    return Rows(questions, text["tokens"], (text["starts"], text["ends"]))


def _of_shard(cache: TokenCache, split: str, shard: str) -> Rows:
    question, context = (cache.read(split, shard, column)[1] for column in ("question", CONTEXT))
    return Rows(question, context, cache.grids(split, shard))


def _readings(model: SpanReader, scored: Iterable[tuple[SpanLogits, Rows]]) -> Readings:
    each = [_of_part(values, rows) for values, rows in scored]
    return Readings(
        [logits for part in each for logits in part.logits],
        [grid for part in each for grid in part.grids],
        np.concatenate([np.empty(0, np.float32), *(part.null for part in each)]),
    )


def _of_part(values: SpanLogits, rows: Rows) -> Readings:
    assert rows.places is not None
    return Readings.of(values, grids_of(*rows.places))


SPANS: TaskScoring[Readings] = TaskScoring(
    "reading and timing", "ForQuestionAnswering", _load, _of_texts, _of_shard, _readings
)
