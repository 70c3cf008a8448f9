"""The one way to load and score a finished model: evaluation, timing, search, comparison and MLflow models use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from transformers import PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.evaluation.pairs import PAIRS
from tmkd.evaluation.spans import SPANS
from tmkd.evaluation.speed import measure_milliseconds, measure_pairs_per_second
from tmkd.evaluation.task_scoring import (
    WHOLE_TEXTS,
    Model,
    Output,
    Pairs,
    Rows,
    TaskScoring,
    TextLimits,
    Views,
)
from tmkd.models.json_files import read_object
from tmkd.runtimes.host import Host
from tmkd.runtimes.precision import resolve_device, resolve_precision
from tmkd.runtimes.scored import Scored
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.tokens import TokenCache
from tmkd.workspace import Workspace

SCORED: tuple[TaskScoring[Any], ...] = (PAIRS, SPANS)


def host_of(precision: str = "auto") -> Host:
    """Return the best device of this process, with torch in ``auto | fp32 | bf16``."""
    device = resolve_device("auto")
    return Host(device, resolve_precision(precision, device))


@dataclass(frozen=True)
class StoredRows:
    """Rows of corpus shards.

    Attributes:
        fingerprints: split -> fingerprint of its ids and text.
        shards: file names, in order.
    """

    workspace: Workspace
    corpus: str
    fingerprints: Mapping[str, str]
    split: str
    shards: tuple[str, ...]

    def read(self, scoring: TaskScoring[Any], tokenizer: PreTrainedTokenizerBase) -> Iterator[Rows]:
        """Yield the token columns of one shard after the other."""
        cache = TokenCache(self.workspace, self.corpus, self.fingerprints, tokenizer)
        return (scoring.of_shard(cache, self.split, shard) for shard in self.shards)


class TimedModel:
    """A loaded model with its tokenizer: raw scores of texts, and how long they take.

    Args:
        scoring: of its task.
        model: gives raw scores of token columns.
        tokenizer: of its folder.
        name: for messages.
        views: how it reads questions and texts.
    """

    def __init__(
        self,
        scoring: TaskScoring[Any],
        model: Model,
        tokenizer: PreTrainedTokenizerBase,
        name: str,
        views: Views = WHOLE_TEXTS,
    ) -> None:
        self.scoring = scoring
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.views = views

    @classmethod
    def of_teacher(cls, scoring: TaskScoring[Any], config: TeacherConfig, folder: Path, host: Host) -> TimedModel:
        """Load a teacher of any kind.

        Raises:
            UserError: if the folder holds no such model.
        """
        teacher = teacher_class(config.kind).load(config, folder, host)
        views = (teacher.card.question_view(config), teacher.card.reads[1])
        return cls(scoring, teacher, load_tokenizer(folder), config.model, views)

    @property
    def parameter_count(self) -> int:
        """Weights of the model."""
        return self.model.parameter_count

    def rows(self, pairs: Pairs) -> Rows:
        """Return the token columns of (question, text) pairs."""
        return self.scoring.of_texts(self.tokenizer, pairs, self.views)

    def raw(self, pairs: Pairs) -> Scored[Any]:
        """Return the model's raw scores of (question, text) pairs, tokenising included."""
        rows = self.rows(pairs)
        return self.model.score(rows.question, rows.text)

    def pairs_per_second(self, pairs: Pairs, seconds: float) -> float:
        """Return the rate of many pairs; see `measure_pairs_per_second`."""
        return measure_pairs_per_second(self.raw, pairs, seconds)

    def milliseconds(self, pairs: Pairs, seconds: float) -> float:
        """Return the median time of one pair; see `measure_milliseconds`."""
        return measure_milliseconds(self.raw, pairs, seconds)


class Scorer(TimedModel, Generic[Output]):
    """A finished model: probabilities of every header for pairs, `Readings` for spans. The folder decides which."""

    scoring: TaskScoring[Output]

    @classmethod
    def open(
        cls, folder: Path, limits: TextLimits | None = None, host: Host | None = None, name: str = ""
    ) -> Scorer[Any]:
        """Load a model folder that ``save_pretrained`` wrote: a student, or any classifier or span reader.

        Args:
            folder: local; see `tmkd.models.folders` for others.
            limits: how much it reads; None for what its tokenizer was saved with.
            host: device, precision and runtime; None for the best device, in the format that is fast there.
            name: for messages; None for the folder.

        Raises:
            UserError: if the folder holds no model that can be scored, naming the folder.
        """
        scoring = scoring_of(folder)
        tokenizer = load_tokenizer(folder)
        model = scoring.load(folder, tokenizer, limits or TextLimits.of(tokenizer), host or host_of())
        return cls(scoring, model, tokenizer, name or str(folder))

    def score(self, parts: Iterable[Rows]) -> Output:
        """Score the rows of all ``parts``, one after the other.

        Returns:
            Pairs: header (`AGGREGATE` among them) -> probabilities, float32 [n, C]. Spans: `Readings`.

        Raises:
            UserError: if a row could not be scored: models are compared on the same rows.
        """
        return self.scoring.output(self.model, ((self._complete(rows), rows) for rows in parts))

    def score_texts(self, pairs: Pairs) -> Output:
        """Return `score` of (question, text) pairs."""
        return self.score([self.rows(pairs)])

    def score_stored(self, rows: StoredRows) -> Output:
        """Return `score` of corpus shards."""
        return self.score(rows.read(self.scoring, self.tokenizer))

    def _complete(self, rows: Rows) -> Any:
        return self.model.score(rows.question, rows.text).complete(self.name)


def scoring_of(folder: Path) -> TaskScoring[Any]:
    """Return the scoring of the task that a model folder is of.

    Raises:
        UserError: if its ``config.json`` cannot be read, or names no class with a head that is scored.
    """
    found = read_object(folder / "config.json").get("architectures")
    names = [str(name) for name in found] if isinstance(found, list) else []
    for scoring in SCORED:
        if any(name.endswith(scoring.head) for name in names):
            return scoring
    heads = " or ".join(f"…{scoring.head}" for scoring in SCORED)
    shown = ", ".join(names)[:80] or "nothing"
    raise UserError(f"{folder}: config.json names {shown} in architectures; expected {heads}, a model that was trained")
