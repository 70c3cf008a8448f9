"""Bi-encoders: similarity of two embeddings as a raw score (C = 1), calibrated to a logit on read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.models.config_file import load_config
from tmkd.models.json_files import reason
from tmkd.models.loading import encoder_class, load_model
from tmkd.runtimes.base import FloatArray, Progress, Scored, no_progress
from tmkd.runtimes.host import Host
from tmkd.teachers.base import Card, Teacher, model_facts
from tmkd.teachers.classifier import check_max_length
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.embeddings import JOIN, Embeddings, similarity
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.sentence_folder import SentenceFolder, read_sentence_folder
from tmkd.teachers.sentence_modules import module_facts
from tmkd.text.features import IntArray, Ragged, Template
from tmkd.text.text_view import TextView


class BiEncoder(Teacher):
    """Embeds question and passage apart; every distinct text of a shard is encoded once."""

    @classmethod
    def describe(cls, config: TeacherConfig, folder: Path, tokenizer: PreTrainedTokenizerBase) -> Card:
        said = read_sentence_folder(folder)
        pooling = JOIN.join(said.pooling or ("mean",)) if config.pooling == "auto" else config.pooling
        prompts = said.prompts
        lower = prompts.lower and not lower_cases(tokenizer)
        reads = (TextView(None, prompts.question, lower), TextView(None, prompts.passage, lower))
        special = {
            "modules": [module_facts(module) for module in said.modules],
            "similarity": said.similarity if said.similarity != "cosine" else None,
            "dimensions": said.dimensions,
            "prompts": [prompts.question, prompts.passage] if prompts.question or prompts.passage else None,
            "lower": lower,
            "reads": said.max_tokens if said.max_tokens and said.max_tokens < config.max_length else None,
        }
        facts = {key: value for key, value in special.items() if value}  # as usual: as if it had not been asked
        return Card(
            1, None, {**model_facts(folder, tokenizer), "pooling": pooling, **facts}, reads,
            _remarks(config, said, folder),
        )  # fmt: skip

    @classmethod
    def load(cls, config: TeacherConfig, folder: Path, host: Host) -> BiEncoder:
        tokenizer = load_tokenizer(folder)
        card = cls.describe(config, folder, tokenizer)
        model, made_up = load_model(encoder_class(load_config(folder)), folder)
        lacking = [key for key in made_up if "pooler" not in key]  # pooled here, never by the model's pooler
        if lacking:
            raise UserError(f"{folder}: its weights lack {', '.join(lacking[:3])}; is config.json of another model?")
        check_max_length(config, model, folder)
        network = Embeddings(model, card.facts, read_sentence_folder(folder).modules)
        try:
            network.width  # noqa: B018
        except RuntimeError as error:
            raise UserError(
                f"{folder / 'modules.json'}: its modules do not fit together ({reason(error)}); pooling is "
                f"{card.facts['pooling']}, hidden_size {model.config.hidden_size}"
            ) from None
        return cls(config, card, host, network, Template.of(tokenizer, 1))

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
        similar = str(self.card.facts.get("similarity", "cosine"))
        return [view.times(passages, similar) for view in views]


@dataclass(frozen=True)
class _Embedded:
    """Embeddings of the distinct texts of a column, and where each row's stands among them."""

    texts: Scored[FloatArray]
    places: IntArray

    def times(self, other: _Embedded, similar: str) -> Scored[FloatArray]:
        left, right = self.texts.values[self.places], other.texts.values[other.places]  # [n, H] each
        faults = {**other.faults(), **self.faults()}
        return Scored(similarity(similar, left, right), faults)

    def faults(self) -> dict[int, str]:
        reasons = self.texts.faults
        return {row: reasons[int(place)] for row, place in enumerate(self.places) if int(place) in reasons}


def lower_cases(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Tell whether a tokenizer lower-cases what it reads."""
    normalizer = json.dumps(json.loads(tokenizer.backend_tokenizer.to_str()).get("normalizer"))
    return '"Lowercase"' in normalizer or '"lowercase": true' in normalizer


def _remarks(config: TeacherConfig, said: SentenceFolder, folder: Path) -> tuple[str, ...]:
    """Return what a reader of the scores should know: what was assumed, and where the folder has its own mind."""
    remarks = []
    if not said.pooling and config.pooling == "auto":
        remarks.append(
            f"{folder} does not say how token vectors become an embedding (no modules.json or 1_Pooling/config.json): "
            "their mean is taken; set pooling: mean or cls if you know better"
        )
    prompts = said.prompts
    if prompts.question or prompts.passage:
        remarks.append(f"reads questions after {prompts.question[:60]!r}, passages after {prompts.passage[:60]!r}")
    if said.max_tokens and said.max_tokens < config.max_length:
        remarks.append(
            f"{folder} reads {said.max_tokens} tokens of a text (max_seq_length), not max_length {config.max_length}"
        )
    return tuple(remarks)


def distinct(column: Ragged) -> tuple[Ragged, IntArray]:
    """Return the distinct rows of a column, and int64 [n] where each of its rows stands among them."""
    seen: dict[bytes, int] = {}
    places = np.array(
        [seen.setdefault(column.row(index).tobytes(), len(seen)) for index in range(len(column))], dtype=np.int64
    )
    rows = [np.frombuffer(text, dtype=column.values.dtype) for text in seen]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(np.concatenate(rows) if rows else column.values[:0], offsets), places
