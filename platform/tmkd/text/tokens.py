"""The token cache: every text of a corpus shard tokenised once per vocabulary.

``tokens/<vocabulary>/<split fingerprint>/<split>/<column>/part-00000.parquet`` holds ``id`` and ``tokens``
(2 bytes a token up to 65,536 entries, else 4). Teachers and students that share a vocabulary share it. Contexts, in
which answers are found, are kept whole, with the characters that their tokens stand for (``starts``, ``ends``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.text.features import Ragged
from tmkd.text.text_view import WHOLE, TextView
from tmkd.workspace import Workspace, corpus_folder, fingerprint

MAX_CACHED_TOKENS = 512
"""Tokens kept of one question or passage. No encoder reads more of it."""
CONTEXT = "context"
"""The column that is read in windows, so that none of its tokens may be missing."""


def vocabulary_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return 16 hex digits that tell whether two tokenizers cut text into the same ids."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    return fingerprint({key: value for key, value in state.items() if key not in ("truncation", "padding")})


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_tokens: int = MAX_CACHED_TOKENS) -> Ragged:
    """Tokenise texts without special tokens."""
    if not texts:
        return Ragged(np.zeros(0, dtype=_dtype(tokenizer)), np.zeros(1, dtype=np.int64))
    encoded = tokenizer(
        list(texts), add_special_tokens=False, truncation=True, max_length=max_tokens,
        return_attention_mask=False, return_token_type_ids=False,
    )["input_ids"]  # fmt: skip
    return _ragged(encoded, _dtype(tokenizer))


def tokenize_whole(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> dict[str, Ragged]:
    """Tokenise texts without special tokens and without a limit.

    Returns:
        ``tokens``, and for each of them the character where it ``starts`` and the one after its ``ends``, uint32.
    """
    encoded = tokenizer(
        list(texts), add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False,
        return_token_type_ids=False, verbose=False,
    )  # fmt: skip
    starts, ends = ([[place[side] for place in row] for row in encoded["offset_mapping"]] for side in (0, 1))
    return {
        "tokens": _ragged(encoded["input_ids"], _dtype(tokenizer)),
        "starts": _ragged(starts, np.uint32),
        "ends": _ragged(ends, np.uint32),
    }


class TokenCache:
    """Reads the token columns of a corpus's shards, tokenising what is not there yet.

    Args:
        workspace: where corpora and tokens lie.
        corpus: name of the corpus.
        fingerprints: split -> fingerprint of its ids and text; tokens of older text are never read.
        tokenizer: a fast tokenizer.
    """

    def __init__(
        self, workspace: Workspace, corpus: str, fingerprints: Mapping[str, str], tokenizer: PreTrainedTokenizerBase
    ) -> None:
        self.workspace = workspace
        self.corpus = corpus
        self.tokenizer = tokenizer
        self.fingerprints = fingerprints
        self.folder = f"tokens/{vocabulary_fingerprint(tokenizer)}"

    def read(self, split: str, shard: str, column: str, view: TextView = WHOLE) -> tuple[np.ndarray, Ragged]:
        """Return the int64 ids [n] and the tokens of one text column (``question``, ``passage``, ``context``)."""
        table = self._table(split, shard, column, view, ["id", "tokens"])
        return table["id"].to_numpy(), _column(table, "tokens")

    def grids(self, split: str, shard: str) -> tuple[Ragged, Ragged]:
        """Return where the tokens of a shard's contexts start and end, in characters of the context."""
        table = self._table(split, shard, CONTEXT, WHOLE, ["starts", "ends"])
        return _column(table, "starts"), _column(table, "ends")

    def _table(self, split: str, shard: str, column: str, view: TextView, wanted: list[str]) -> pa.Table:
        name = f"{column}-{fingerprint(view.key())}" if view.key() else column
        path = f"{self.folder}/{self.fingerprints[split]}/{split}/{name}/{shard}"
        try:
            table = self.workspace.read_table(path, wanted)
        except DamagedError:  # or not there: only a cache
            self._write(path, split, shard, column, view)
            table = self.workspace.read_table(path, wanted)
        return table.combine_chunks()

    def _write(self, path: str, split: str, shard: str, column: str, view: TextView) -> None:
        source = f"{corpus_folder(self.corpus, split)}/{shard}"
        table = self.workspace.read_table(source, columns=["id", column])
        texts = table[column].to_pylist()
        unique = list(dict.fromkeys(texts))  # a question stands before each of its candidates: tokenise it once
        if column == CONTEXT:
            found = tokenize_whole(self.tokenizer, unique)
        else:
            found = {"tokens": tokenize(self.tokenizer, [view.of(text) for text in unique])}
        rows = _places(texts, unique)
        columns = {name: _list_array(values, rows) for name, values in found.items()}
        self.workspace.publish_table(path, pa.table({"id": table["id"], **columns}))


def read_grids(
    workspace: Workspace, vocabulary: str, split_fingerprint: str, split: str, shard: str
) -> tuple[Ragged, Ragged]:
    """Return where another tokenizer's tokens of a shard's contexts start and end, in characters.

    Args:
        workspace: where the tokens lie.
        vocabulary: fingerprint of that tokenizer, as its label stores have it.
        split_fingerprint: of the split's ids and text.
        split: name of the split.
        shard: name of the shard.

    Raises:
        UserError: if the tokens were deleted or damaged since that tokenizer's model labelled the shard.
    """
    path = f"tokens/{vocabulary}/{split_fingerprint}/{split}/{CONTEXT}/{shard}"
    try:
        table = workspace.read_table(path, ["starts", "ends"]).combine_chunks()
    except DamagedError:
        raise UserError(
            f"{workspace.show(path)}: these tokens, which soft labels of spans are counted in, are not there or "
            "damaged; delete those labels and label again"
        ) from None
    return _column(table, "starts"), _column(table, "ends")


def _places(texts: Sequence[str], unique: Sequence[str]) -> list[int]:
    place = {text: index for index, text in enumerate(unique)}
    return [place[text] for text in texts]


def _list_array(column: Ragged, rows: Sequence[int]) -> pa.ListArray:
    """Return these rows of a column as Arrow lists."""
    lists = [column.row(row) for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in lists])]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(lists) if lists else column.values))


def _column(table: pa.Table, name: str) -> Ragged:
    lists = table[name].chunk(0) if table.num_rows else pa.array([], table.schema.field(name).type)
    return Ragged(lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64))


def _ragged(rows: Sequence[Sequence[int]], dtype: type[np.unsignedinteger]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Ragged(np.fromiter((value for row in rows for value in row), dtype=dtype, count=int(offsets[-1])), offsets)


def _dtype(tokenizer: PreTrainedTokenizerBase) -> type[np.unsignedinteger]:
    return np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32
