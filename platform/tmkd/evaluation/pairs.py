"""Pairs: how finished classifiers are loaded and scored; every header's probabilities come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.evaluation.task_scoring import Pairs, Rows, TaskScoring, TextLimits, Views
from tmkd.models.folders import read_config
from tmkd.models.loading import load_model
from tmkd.models.student_config import AGGREGATE, StudentConfig
from tmkd.models.weights import weight_files
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network
from tmkd.runtimes.opening import open_runtime
from tmkd.runtimes.scored import Scored
from tmkd.teachers.classifier import Classifier
from tmkd.teachers.config import TeacherConfig
from tmkd.text.features import Features, Ragged, Template
from tmkd.text.tokens import TokenCache, tokenize
from tmkd.workspace import fingerprint

FloatArray = npt.NDArray[np.float32]
HeaderProbabilities = dict[str, FloatArray]
"""Header, `AGGREGATE` among them -> float32 [n, C]."""


class HeaderScores(Network):
    """Logits of every header of a student, side by side: [B, headers * C]."""

    @property
    def width(self) -> int:
        return len(self.model.config.headers) * int(self.model.config.num_labels)

    def outputs(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(self.model.header_logits(**inputs).values()), dim=1)


@dataclass(frozen=True)
class PairModel:
    """A loaded classifier.

    Attributes:
        run: tokens of n questions and passages -> the logits of every header side by side, [n, headers * C].
        parameter_count: weights of the model.
        classes: C.
        headers: their names; of a model that is no student `AGGREGATE` alone.
        trained: the headers whose probabilities are averaged.
    """

    run: Callable[[Ragged, Ragged], Scored[FloatArray]]
    parameter_count: int
    classes: int
    headers: tuple[str, ...] = (AGGREGATE,)
    trained: tuple[str, ...] = (AGGREGATE,)

    def score(self, question: Ragged, passage: Ragged) -> Scored[FloatArray]:
        """Return logits float32 [n, headers * C]."""
        return self.run(question, passage)


def _load(folder: Path, tokenizer: PreTrainedTokenizerBase, limits: TextLimits, host: Host) -> PairModel:
    if read_config(folder).get("model_type") != StudentConfig.model_type:
        config = TeacherConfig(kind="classifier", model=str(folder), max_length=limits.max_length)
        teacher = Classifier.load(config, folder, host)
        return PairModel(teacher.score, teacher.parameter_count, teacher.columns)
    model, made_up = load_model(AutoModelForSequenceClassification, folder)
    if made_up:
        raise UserError(f"{folder}: its weights lack {made_up[0]}, so its scores would be random; train it again")
    network = HeaderScores(model)
    key = fingerprint([str(folder), *(path.stat().st_mtime_ns for path in weight_files(folder))])
    runtime = open_runtime(network, Features(Template.of(tokenizer, 2), limits.max_length), host, key, None)
    headers = tuple(model.config.headers)
    trained = tuple(model.config.trained_headers or headers)
    return PairModel(runtime.run, network.parameter_count, len(model.config.id2label or {}), headers, trained)


def _of_texts(tokenizer: PreTrainedTokenizerBase, pairs: Pairs, views: Views) -> Rows:
    asked, read = views
    questions, passages = [asked.of(question) for question, _ in pairs], [read.of(passage) for _, passage in pairs]
    return Rows(tokenize(tokenizer, questions), tokenize(tokenizer, passages))


def _of_shard(cache: TokenCache, split: str, shard: str) -> Rows:
    question, passage = (cache.read(split, shard, column)[1] for column in ("question", "passage"))
    return Rows(question, passage)


def _probabilities(model: PairModel, scored: Iterable[tuple[FloatArray, Rows]]) -> HeaderProbabilities:
    headers = model.headers
    parts = [np.empty((0, len(headers) * model.classes), np.float32), *(values for values, _ in scored)]
    logits = torch.from_numpy(np.concatenate(parts)).view(-1, len(headers), model.classes)  # [n, H, C]
    each = torch.softmax(logits, dim=-1) if model.classes > 1 else torch.sigmoid(logits)
    found = {header: each[:, index].numpy() for index, header in enumerate(headers)}
    trained = [headers.index(header) for header in model.trained]
    found[AGGREGATE] = each[:, trained].mean(dim=1).numpy()  # Eq. (6)
    return found


PAIRS: TaskScoring[HeaderProbabilities] = TaskScoring(
    "scoring and timing", "ForSequenceClassification", _load, _of_texts, _of_shard, _probabilities
)
