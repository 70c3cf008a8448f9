"""From two token sequences to one model input: special tokens, truncation, padding.

Question and passage are tokenised apart, once per vocabulary, and put together here with the template that
the model's own tokenizer uses. The result equals ``tokenizer(question, passage, truncation=True)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from tmkd.errors import UserError

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length in one flat array: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``."""

    values: npt.NDArray[np.unsignedinteger]
    offsets: IntArray

    @classmethod
    def of(cls, rows: Sequence[npt.NDArray[np.unsignedinteger]], dtype: npt.DTypeLike) -> Ragged:
        """Put rows one after the other."""
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        return cls(np.concatenate([np.empty(0, dtype), *rows]), offsets)

    @property
    def lengths(self) -> IntArray:
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, index: int) -> npt.NDArray[np.unsignedinteger]:
        return self.values[self.offsets[index] : self.offsets[index + 1]]


@dataclass(frozen=True)
class Template:
    """The special tokens and segment ids that a tokenizer puts around one text or a pair.

    ``parts`` are the constant token runs before, between and after the texts (two runs for one text, three
    for a pair); ``types`` the segment ids of every run (one for each token) and of every text (one for all of it) in
    reading order, or None if the model takes none.
    """

    parts: tuple[tuple[int, ...], ...]
    types: tuple[int | tuple[int, ...], ...] | None
    pad_id: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, texts: int) -> Template:
        """Read the template off the tokenizer by encoding a probe of ``texts`` (1 or 2) texts."""
        if not tokenizer.is_fast:
            raise UserError(f"tokenizer {tokenizer.name_or_path}: only fast tokenizers (tokenizer.json) can be used")
        probe = tokenizer(*["a"] * texts, return_token_type_ids=True)
        owners = [texts if owner is None else owner for owner in probe.sequence_ids(0)]
        ids, types = probe["input_ids"], probe["token_type_ids"]
        first = [owners.index(k) for k in range(texts)]
        last = [len(owners) - owners[::-1].index(k) for k in range(texts)]
        starts, ends = [0, *last], [*first, len(ids)]
        parts = tuple(tuple(ids[a:b]) for a, b in zip(starts, ends, strict=True))
        run_types: list[int | tuple[int, ...]] = []
        for index, (a, b) in enumerate(zip(starts, ends, strict=True)):
            run_types.append(tuple(types[a:b]))
            if index < texts:
                run_types.append(types[first[index]])
        takes_types = "token_type_ids" in tokenizer.model_input_names
        pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        return cls(parts, tuple(run_types) if takes_types else None, int(pad_id or 0))

    @property
    def special_tokens(self) -> int:
        return sum(len(part) for part in self.parts)


class Features:
    """Builds padded batches from token columns.

    Args:
        template: special tokens of the model's tokenizer, for one text or a pair.
        max_length: tokens a sequence may have, special tokens included; the longer text is cut first,
            as Hugging Face's ``longest_first`` does.
        may_pad: whether sequences of different lengths may share a batch; False where padding changes scores.
    """

    def __init__(self, template: Template, max_length: int, may_pad: bool = True) -> None:
        if max_length <= template.special_tokens:
            raise UserError(f"max_length {max_length}: the tokenizer alone adds {template.special_tokens} tokens")
        self.template = template
        self.max_length = max_length
        self.may_pad = may_pad
        self._room = max_length - template.special_tokens

    def kept(self, *columns: Ragged) -> list[IntArray]:
        """Return how many tokens of each text remain after truncation, one array [n] a column."""
        if len(columns) == 1:
            return [np.minimum(columns[0].lengths, self._room)]
        first, second = columns[0].lengths, columns[1].lengths
        short = np.minimum(first, second)
        long = np.where(short > self._room, short, np.maximum(short, self._room - short))
        over = short + long > self._room
        short = np.where(over, self._room // 2, short)
        long = np.where(over, self._room // 2 + self._room % 2, long)
        fits = first + second <= self._room
        first_kept = np.where(fits, first, np.where(first <= second, short, long))
        second_kept = np.where(fits, second, np.where(first <= second, long, short))
        return [np.minimum(first_kept, first), np.minimum(second_kept, second)]

    def lengths(self, *columns: Ragged) -> IntArray:
        """Return the sequence length [n] of every row, special tokens included."""
        return np.sum(self.kept(*columns), axis=0) + self.template.special_tokens

    def batch(self, rows: IntArray, *columns: Ragged) -> dict[str, IntArray]:
        """Return ``input_ids``, ``attention_mask`` and, where used, ``token_type_ids``, each int64 [B, L].

        L is the longest row of the batch; padding is on the right.
        """
        picked = [_take(column, rows) for column in columns]
        kept = self.kept(*picked)
        lengths = np.sum(kept, axis=0) + self.template.special_tokens
        shape = (len(rows), int(lengths.max(initial=0)))
        ids = np.full(shape, self.template.pad_id, dtype=np.int64)
        types = np.zeros(shape, dtype=np.int64)
        for i in range(len(rows)):
            texts = [column.row(i)[: count[i]] for column, count in zip(picked, kept, strict=True)]
            self._write(ids[i], types[i], texts)
        mask = (np.arange(shape[1]) < lengths[:, None]).astype(np.int64)  # [B, L]
        result = {"input_ids": ids, "attention_mask": mask}
        if self.template.types is not None:
            result["token_type_ids"] = types
        return result

    def _write(self, ids: IntArray, types: IntArray, texts: list[npt.NDArray[np.unsignedinteger]]) -> None:
        position = 0
        runs: list[tuple[int, ...] | npt.NDArray[np.unsignedinteger]] = []
        for index, part in enumerate(self.template.parts):
            runs.append(part)
            if index < len(texts):
                runs.append(texts[index])
        for index, run in enumerate(runs):
            ids[position : position + len(run)] = run
            if self.template.types is not None:
                types[position : position + len(run)] = self.template.types[index]
            position += len(run)


def _take(column: Ragged, rows: IntArray) -> Ragged:
    taken = [column.row(int(row)) for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in taken], dtype=np.int64)])
    values = np.concatenate(taken) if taken else column.values[:0]
    return Ragged(values, offsets.astype(np.int64))
