"""What every kind of teacher offers: a card that needs no weights, a check, and scores."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.runtimes.base import Progress, Scored, no_progress
from tmkd.runtimes.batching import MAX_ROWS, default_tokens
from tmkd.runtimes.host import Host
from tmkd.runtimes.network import Network
from tmkd.runtimes.onnx_export import onnx_version
from tmkd.runtimes.opening import open_runtime
from tmkd.runtimes.padding import ignores_padding
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import weights_fingerprint
from tmkd.text.features import Features, Ragged, Template
from tmkd.text.text_view import WHOLE, TextView
from tmkd.text.tokens import vocabulary_fingerprint

SCORER_VERSION = 2
"""Raised by hand whenever a change of this code changes scores: older labels are then refused."""


@dataclass(frozen=True)
class Card:
    """What a teacher says of itself without loading its weights.

    Attributes:
        columns: C, label columns a pair.
        classes: names of the columns, ``LABEL_0`` … where the model names none; None where C is 1.
        facts: what its scores depend on, besides the corpus and the host; ``reads`` cuts texts below ``max_length``.
        reads: how it reads a question (beside ``question_pattern``) and a passage.
        remarks: what its user should know of it before it is used.
    """

    columns: int
    classes: tuple[str, ...] | None
    facts: dict[str, Any]
    reads: tuple[TextView, TextView] = (WHOLE, WHOLE)
    remarks: tuple[str, ...] = ()

    def question_view(self, config: TeacherConfig) -> TextView:
        """Return how the teacher reads a question."""
        return dataclasses.replace(self.reads[0], pattern=config.question_pattern)

    def identity(self, config: TeacherConfig, host: Host) -> dict[str, Any]:
        """Return what binds a label store to this teacher on this kind of host."""
        usual = default_tokens(host.device, host.runtime)
        tokens = usual if config.batch_tokens == "auto" else config.batch_tokens
        return {
            **self.facts,
            "kind": config.kind,
            "max_length": config.max_length,
            "question_pattern": config.question_pattern,
            "temperature": 1.0,
            "columns": self.columns,
            "backend": host.backend,
            **({"onnxruntime": onnx_version()} if host.runtime == "onnx" else {}),
            "dtype": host.precision,
            "batch": f"longest first, {tokens} tokens, {MAX_ROWS} rows",
            "scorer_version": SCORER_VERSION,
        }


class Teacher(ABC):
    """A loaded teacher: token columns in, label columns out.

    Args:
        config: what it reads and runs on.
        card: what it says of itself.
        host: device, precision and runtime.
        network: its model.
        template: special tokens around what it reads.
    """

    def __init__(self, config: TeacherConfig, card: Card, host: Host, network: Network, template: Template) -> None:
        self.config = config
        self.card = card
        self.host = host
        self.parameter_count = network.parameter_count
        batch_tokens = None if config.batch_tokens == "auto" else config.batch_tokens
        reads = min(config.max_length, int(card.facts.get("reads", config.max_length)))
        features = Features(template, reads, self._may_pad(network, template, reads))
        self._runtime = open_runtime(network, features, host, str(card.facts["weights"]), batch_tokens)

    def _may_pad(self, network: Network, template: Template, reads: int) -> bool:
        try:
            return ignores_padding(network, template, reads)
        except UserError as error:
            raise UserError(f"{self.config.model}: {error}") from None

    @classmethod
    @abstractmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        """Return the card of the model in ``folder`` without loading its weights."""

    @classmethod
    @abstractmethod
    def load(cls, config: TeacherConfig, folder: Path, host: Host) -> Teacher:
        """Load the model in ``folder`` for scoring on ``host``.

        Raises:
            UserError: if the folder holds no such model, naming what is missing.
        """

    @abstractmethod
    def score(self, question: Ragged, passage: Ragged, progress: Progress = no_progress) -> Scored[Any]:
        """Return raw scores [n, C], or span logits of n contexts; rows that cannot be scored are not finite.

        Args:
            question: tokens of n questions, without special tokens.
            passage: tokens of n passages, or of n contexts.
            progress: called with the number of pairs done so far.
        """

    def score_views(
        self, questions: Sequence[Ragged], passage: Ragged, progress: Progress = no_progress
    ) -> list[Scored[Any]]:
        """Return `score` of several views of the same questions; a kind that can read the passages once overrides it.

        Args:
            questions: tokens of what each view reads of the n questions.
            passage: tokens of n passages.
            progress: called with the number of pairs done so far.
        """
        views = len(questions)

        def report(turn: int) -> Progress:
            return lambda done: progress((turn * len(passage) + done) // views)

        return [self.score(question, passage, report(turn)) for turn, question in enumerate(questions)]

    @property
    def columns(self) -> int:
        """C, label columns a pair."""
        return self.card.columns

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the columns, if the model has any."""
        return self.card.classes

    @property
    def too_large(self) -> int | None:
        """Tokens of the smallest batch that did not fit into memory; None where all did."""
        return self._runtime.too_large

    def identity(self) -> dict[str, Any]:
        """Return what binds a label store to this teacher."""
        return self.card.identity(self.config, self.host)


def model_facts(folder: Path, tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return the fingerprints of weights and vocabulary, part of every kind's `Card.facts`."""
    return {"weights": weights_fingerprint(folder), "vocabulary": vocabulary_fingerprint(tokenizer)}
