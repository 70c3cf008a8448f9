"""What finished models say about a split, and how fast: loaded once, in one Ray task on the best device there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tmkd.cluster import progress_poster, setup_worker
from tmkd.evaluation.alone import PROGRESS, run_alone
from tmkd.evaluation.speed import measure_pairs_per_second
from tmkd.models.damaged import damage_named
from tmkd.models.folders import fetch, local_folder
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import AGGREGATE
from tmkd.placement import Placement
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network
from tmkd.runtimes.precision import resolve_device, resolve_precision, set_threads
from tmkd.runtimes.torch_runtime import TorchRuntime
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.kinds import teacher_class
from tmkd.text.features import Features, Ragged, Template
from tmkd.text.tokens import TokenCache, tokenize
from tmkd.workspace import Workspace

FloatArray = npt.NDArray[np.float32]
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Task:
    """What to score and to time.

    Attributes:
        students: model's name -> folder of the workspace.
        teachers: teacher's name -> its config and model; they are only timed, their labels are stored.
        precision: of the students: auto, fp32 or bf16.
        seconds: to time every model for; 0 = no timing.
        pairs: texts to time on.
        placement: of the training, whose nodes it runs on.
    """

    workspace: Workspace
    corpus: str
    fingerprints: Mapping[str, str]
    split: str
    shards: tuple[str, ...]
    students: Mapping[str, str]
    teachers: Mapping[str, tuple[TeacherConfig, str]]
    max_length: int
    precision: str
    seconds: float
    pairs: Pairs
    placement: Placement

    @property
    def models(self) -> int:
        """How many are scored or timed."""
        return len(self.students) + (len(self.teachers) if self.seconds else 0)


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        probabilities: student -> header (``aggregate`` among them) -> float32 [n, C].
        pairs_per_second: model -> pairs/s, tokenising included.
        parameters: model -> number of parameters.
    """

    probabilities: dict[str, dict[str, FloatArray]]
    pairs_per_second: dict[str, float]
    parameters: dict[str, int]


class HeaderScores(Network):
    """Logits of every header of a student, side by side: [B, headers * C]."""

    @property
    def width(self) -> int:
        return len(self.model.config.headers) * int(self.model.config.num_labels)

    def outputs(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat(list(self.model.header_logits(**inputs).values()), dim=1)


def measure(task: Task) -> Measured:
    """Score the split with every student and time every model, alone on its device, one after the other."""
    return run_alone(_measure, task, "scoring and timing", task.models, task.placement, timed=task.seconds > 0)


def _measure(task: Task, threads: int) -> Measured:
    setup_worker()
    set_threads(threads)
    device = resolve_device("auto")
    post, done, total = progress_poster(PROGRESS), 0, task.models
    found = Measured({}, {}, {})
    for name, folder in task.students.items():
        _measure_student(name, fetch(task.workspace, folder), task, device, found)
        done += 1
        post(done, total)
    for name, (config, model) in task.teachers.items() if task.seconds else ():
        _time_teacher(name, config, local_folder(model, f"teachers.{name}.model"), task, device, found)
        done += 1
        post(done, total)
    return found


def _measure_student(name: str, folder: Path, task: Task, device: str, found: Measured) -> None:
    with damage_named(folder):
        model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    assert isinstance(model, StudentForSequenceClassification)
    found.parameters[name] = sum(parameter.numel() for parameter in model.parameters())
    features = Features(Template.of(tokenizer, 2), task.max_length)
    runtime = TorchRuntime(HeaderScores(model), features, resolve_precision(task.precision, device), device)
    headers, classes = model.config.headers, len(model.config.id2label or {})
    cache = TokenCache(task.workspace, task.corpus, task.fingerprints, tokenizer)
    parts = [np.empty((0, len(headers) * classes), np.float32)]
    for shard in task.shards:
        columns = tuple(cache.read(task.split, shard, column)[1] for column in ("question", "passage"))
        parts.append(runtime.run(*columns).complete(f"student {name}"))
    logits = torch.from_numpy(np.concatenate(parts)).view(-1, len(headers), classes)  # [n, H, C]
    each = torch.softmax(logits, dim=-1)
    found.probabilities[name] = {header: each[:, index].numpy() for index, header in enumerate(headers)}
    trained = [headers.index(header) for header in model.config.trained_headers or headers]
    found.probabilities[name][AGGREGATE] = each[:, trained].mean(dim=1).numpy()  # Eq. (6)
    if task.seconds:

        def score(pairs: Pairs) -> FloatArray:
            return runtime.run(*tokens_of(tokenizer, pairs)).values

        found.pairs_per_second[name] = measure_pairs_per_second(score, task.pairs, task.seconds)


def _time_teacher(name: str, config: TeacherConfig, folder: Path, task: Task, device: str, found: Measured) -> None:
    host = Host(device, resolve_precision(config.precision, device))
    teacher = teacher_class(config.kind).load(config, folder, host)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    asked, text = teacher.card.question_view(config), teacher.card.reads[1]

    def score(pairs: Pairs) -> FloatArray:
        seen = [(asked.of(question), text.of(passage)) for question, passage in pairs]
        return teacher.score(*tokens_of(tokenizer, seen)).values

    found.pairs_per_second[name] = measure_pairs_per_second(score, task.pairs, task.seconds)
    found.parameters[name] = teacher.parameter_count


def tokens_of(tokenizer: Any, pairs: Pairs) -> tuple[Ragged, Ragged]:
    """Return the tokens of questions and passages."""
    return tokenize(tokenizer, [q for q, _ in pairs]), tokenize(tokenizer, [p for _, p in pairs])
