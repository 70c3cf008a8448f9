"""The rows of a span-reading stage: one window of every context, with its golden answer and what the readers say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase

from tmkd.objectives.span_targets import SpanTargets
from tmkd.objectives.weighed import ANSWER, ATTENTION, GOLDEN
from tmkd.soft_labels.golden import golden_path, read_answers
from tmkd.soft_labels.join import check_ids
from tmkd.text.features import Ragged
from tmkd.text.span_confusion import confusing_answer
from tmkd.text.span_mean import mean_logits
from tmkd.text.span_projection import Grid
from tmkd.text.windows import window_around, windows
from tmkd.training.learned import signals_of
from tmkd.training.order import RowRefs
from tmkd.training.rows import MicroBatch, Rows, gather
from tmkd.training.span_signals import Said, maps_of, readers_of
from tmkd.training.stage import StageSpec
from tmkd.training.stage_parts import Reading
from tmkd.workspace import Workspace, corpus_folder

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
NOWHERE = (-1, -1)
NULL_PLACE = 0
"""Place of the first special token, which stands for "there is no answer"."""


@dataclass(frozen=True)
class SpanRow:
    """One window of one context, in places of the model's input.

    Attributes:
        window: first token of the context in it, and the one after the last.
        first: place of the window's first token in the input.
        golden: first and last place of the golden answer; -1 where nobody has judged or it is not in the window.
        confusing: the same of the readers' most confusing answer; -1 where there is none.
        soft: header -> float32 [window, 2], start and end logits of its readers, and float32 [2] of no answer.
        asked: tokens of the question.
        attention: where the readers look, float32 [window, asked]; None without such a term.
    """

    window: tuple[int, int]
    first: int
    golden: tuple[int, int]
    confusing: tuple[int, int]
    soft: dict[str, tuple[FloatArray, FloatArray]]
    asked: int
    attention: FloatArray | None


@dataclass(frozen=True)
class SpanShard:
    """One shard in memory: tokens of the n rows, what each teaches, and which terms have its label, float32 [n, T]."""

    question: Ragged
    context: Ragged
    rows: list[SpanRow]
    present: FloatArray


class SpanRows(Rows[SpanShard]):
    """Reads the shards of a stage that reads spans.

    A context longer than the model reads is seen through the window that has most text around its golden answer, or,
    without one, around what the readers hold for the answer. So a row is one example, however long its context.
    """

    def __init__(self, stage: StageSpec, workspace: Workspace, tokenizer: PreTrainedTokenizerBase, window: int) -> None:
        super().__init__(stage, workspace, tokenizer, window)
        self._misfits: dict[str, tuple[int, int]] = {}  # shard -> golden answers in no window, and in all

    @property
    def reading(self) -> Reading:
        assert self.stage.reading is not None
        return self.stage.reading

    def micro_batches(self, refs: RowRefs, weights: FloatArray, size: int) -> Iterator[MicroBatch]:
        shards = [self._shard(int(shard)) for shard, _ in refs]
        places = [int(row) for _, row in refs]
        rows = [shard.rows[place] for shard, place in zip(shards, places, strict=True)]
        question = gather([shard.question for shard in shards], places)
        context = gather([shard.context for shard in shards], places)  # already cut to its window
        present = self.present(refs)
        order = np.argsort(self.features.lengths(question, context), kind="stable")
        for start in range(0, len(order), size):
            picked = order[start : start + size]
            inputs = self.features.batch(picked, question, context)
            length, some = inputs["input_ids"].shape[1], weights[picked]
            targets = self._targets([rows[i] for i in picked], length, some, self.weights(some, present[picked]))
            yield MicroBatch({name: torch.from_numpy(value) for name, value in inputs.items()}, targets)

    def _targets(
        self, rows: Sequence[SpanRow], length: int, padding: FloatArray, weights: Mapping[str, torch.Tensor]
    ) -> SpanTargets:
        allowed = np.zeros((len(rows), length), dtype=bool)
        soft = {header: np.full((len(rows), length, 2), -np.inf, np.float32) for header in self.stage.signals}
        for index, row in enumerate(rows):
            inside = slice(row.first, row.first + row.window[1] - row.window[0])
            allowed[index, inside] = True
            allowed[index, NULL_PLACE] = self.reading.unanswerable
            for header, (tokens, null) in row.soft.items():
                soft[header][index, inside] = tokens
                if self.reading.unanswerable:
                    soft[header][index, NULL_PLACE] = null
        return SpanTargets(
            golden=torch.tensor([row.golden for row in rows]) if self.stage.golden else None,
            confusing=torch.tensor([row.confusing for row in rows]) if self.reading.confusing else None,
            soft={header: torch.from_numpy(values) for header, values in soft.items()},
            allowed=torch.from_numpy(allowed),
            weight=torch.from_numpy(padding),
            weights=weights,
            **(_looks(rows, length, len(self.template.parts[0])) if self.reading.attention else {}),
        )

    def read(self, shard: str) -> SpanShard:
        stage = self.stage
        ids, question = self.tokens.read(stage.data.split, shard, "question")
        _, context = self.tokens.read(stage.data.split, shard, "context")
        starts, ends = self.tokens.grids(stage.data.split, shard)
        readers = readers_of(stage, self.workspace, shard, ids)
        answers = read_answers(self.workspace, stage.data.corpus, stage.data.split, shard)
        if answers is not None:
            check_ids(ids, answers.ids, self.workspace.show(golden_path(stage.data.corpus, stage.data.split, shard)))
        judged = answers.answers if answers is not None else [None] * len(ids)
        texts = self._texts(shard) if self.reading.confusing else [""] * len(ids)
        maps = maps_of(stage, self.workspace, self.tokens.folder, shard, ids) if self.reading.attention else None
        asked = _cut(question, [(0, min(n, self.reading.max_question_tokens)) for n in question.lengths])
        rows, present = [], []
        for row in range(len(ids)):
            grid = Grid(starts.row(row).astype(np.int64), ends.row(row).astype(np.int64))
            says = {name: reader.on(row, grid) for name, reader in readers.items()}
            found = self._row(grid, len(asked.row(row)), judged[row], says, texts[row])
            if maps is not None:
                found = replace(found, attention=maps.row(row)[slice(*found.window)])
            rows.append(found)
            present.append(self._present(found, says))
        if stage.golden and stage.data.split != "validation":  # where nothing is learned anyway
            self._count_misfits(shard, [row for row, golden in zip(rows, judged, strict=True) if golden])
        return SpanShard(asked, _cut(context, [row.window for row in rows]), rows, np.array(present, dtype=np.float32))

    def _count_misfits(self, shard: str, answered: Sequence[SpanRow]) -> None:
        """Remark, once every shard has been read, of golden answers that are in no window: nobody learns them."""
        is_new = shard not in self._misfits  # later epochs read it again
        self._misfits[shard] = sum(row.golden == NOWHERE for row in answered), len(answered)
        if not is_new or len(self._misfits) < len(self.stage.data.shards):
            return
        misfits, golden = (sum(counts) for counts in zip(*self._misfits.values(), strict=True))
        if misfits:
            self.remarks.append(
                f"{misfits:,} of {golden:,} golden answers do not fit into a window and are not learned; raise "
                f"{_keys(self.stage)}"
            )

    def _row(
        self, grid: Grid, asked: int, golden: list[dict[str, int | str]] | None, says: Mapping[str, Said], text: str
    ) -> SpanRow:
        before = len(self.template.parts[0]) + len(self.template.parts[1]) + asked
        room = self.stage.max_length - self.template.special_tokens - asked
        answer = _answer_tokens(grid, golden)
        spans = windows(len(grid), room, min(self.reading.overlap, room - 1))
        start, stop = window_around(spans, answer or _likeliest(says))
        place = _inside(answer, start, stop, before)
        if golden == [] and self.reading.unanswerable:
            place = (NULL_PLACE, NULL_PLACE)
        confusing = None
        if answer is not None and self.reading.confusing is not None:
            each = [says[name].tokens for name in self.reading.confusing.teachers if says[name].scored]
            confusing = confusing_answer(each, grid, text, golden or [], self.reading.candidates)
        return SpanRow(
            (start, stop), before, place, _inside(confusing, start, stop, before),
            {header: self._mean(header, says, start, stop) for header in self.stage.signals}, asked, None,
        )  # fmt: skip

    def _mean(self, header: str, says: Mapping[str, Said], start: int, stop: int) -> tuple[FloatArray, FloatArray]:
        """Return logits [window, 2], and [2] of no answer: the mean of a header's readers that could read the context.

        Zeros where none could; such a row has no weight, but must not be NaN either.
        """
        teachers = self.stage.signals[header].teachers
        each = []
        for said in [says[name] for name in teachers if says[name].scored] or [says[teachers[0]]]:
            of_none = said.null / 2 if said.scored else 0.0
            tokens, null = said.tokens[start:stop], np.full((1, 2), of_none, np.float32)
            each.append(np.concatenate([tokens, null if self.reading.unanswerable else null[:0]]))
        mean, inside = mean_logits(each, self.reading.temperature), stop - start
        return mean[:inside], mean[inside] if self.reading.unanswerable else np.full(2, -np.inf, np.float32)

    def _present(self, row: SpanRow, says: Mapping[str, Said]) -> list[bool]:
        """Tell of each term of the stage whether a row has its label."""
        looked = row.attention is not None and row.attention.shape == (row.window[1] - row.window[0], row.asked)
        own, read = {GOLDEN: row.golden != NOWHERE, ATTENTION: looked}, signals_of(self.stage)

        def has(term: str) -> bool:
            if term in own:
                return own[term]
            is_read = any(says[name].scored for name in read[term].voters)
            return is_read and (term != ANSWER or own[GOLDEN])

        return [has(term) for term in self.stage.terms]

    def _texts(self, shard: str) -> list[str]:
        path = f"{corpus_folder(self.stage.data.corpus, self.stage.data.split)}/{shard}"
        texts: list[str] = self.workspace.read_table(path, columns=["context"])["context"].to_pylist()
        return texts


def _looks(rows: Sequence[SpanRow], length: int, before: int) -> dict[str, torch.Tensor]:
    """Return which tokens are the context's and the question's, bool [B, L], and the readers' attention [B, L, L].

    The question starts at place ``before``.
    """
    context, question = (np.zeros((len(rows), length), dtype=bool) for _ in range(2))
    attention = np.zeros((len(rows), length, length), np.float32)
    for index, row in enumerate(rows):
        inside = slice(row.first, row.first + row.window[1] - row.window[0])
        asked = slice(before, before + row.asked)
        context[index, inside], question[index, asked] = True, True
        if row.attention is not None and row.attention.size:
            attention[index, inside, asked] = row.attention
    return {
        "context": torch.from_numpy(context),
        "question": torch.from_numpy(question),
        "attention": torch.from_numpy(attention),
    }


def _keys(stage: StageSpec) -> str:
    """Return the recipe's keys for how much of a context the model of a stage reads."""
    if not stage.name.startswith("teacher-"):
        return "student.max_length (or reading.overlap)"
    teacher = f"teachers.{stage.name.removeprefix('teacher-')}"
    return f"{teacher}.max_length (or {teacher}.overlap)"


def _answer_tokens(grid: Grid, golden: list[dict[str, int | str]] | None) -> tuple[int, int] | None:
    if not golden:
        return None
    start = int(golden[0]["start"])
    return grid.span(start, start + len(str(golden[0]["text"])))


def _likeliest(says: Mapping[str, Said]) -> tuple[int, int] | None:
    """Return the token at which the readers together are surest that an answer starts."""
    scored = [said.tokens[:, 0] for said in says.values() if said.scored and len(said.tokens)]
    if not scored:
        return None
    place = int(np.argmax(np.mean(np.maximum(scored, -1e4), axis=0)))
    return place, place


def _inside(tokens: tuple[int, int] | None, start: int, stop: int, before: int) -> tuple[int, int]:
    if tokens is None or tokens[0] < start or tokens[1] >= stop:
        return NOWHERE
    return tokens[0] - start + before, tokens[1] - start + before


def _cut(column: Ragged, parts: Sequence[tuple[int, int]]) -> Ragged:
    return Ragged.of([column.row(row)[start:stop] for row, (start, stop) in enumerate(parts)], column.values.dtype)
