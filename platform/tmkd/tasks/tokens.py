"""The token cache: every text of a corpus shard tokenised once per vocabulary.

``tokens/<vocabulary>/<split fingerprint>/<split>/<column>/part-00000.parquet`` holds ``id`` and ``tokens``
(2 bytes a token up to 65,536 entries, else 4). Teachers and students that share a vocabulary share it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from transformers import PreTrainedTokenizerBase

from tmkd.tasks.features import Ragged
from tmkd.workspace import Workspace, corpus_folder, fingerprint

MAX_CACHED_TOKENS = 512
"""Tokens kept of one text. No encoder reads more of a question or a passage."""


def vocabulary_fingerprint(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return 16 hex digits that tell whether two tokenizers cut text into the same ids."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    return fingerprint({key: value for key, value in state.items() if key not in ("truncation", "padding")})


def view(text: str, pattern: str | None) -> str:
    """Return the part of a text that a teacher reads: group 1 of ``pattern``, or all where it does not match."""
    match = re.match(pattern, text, re.DOTALL) if pattern else None
    return match.group(1) if match else text


def tokenize(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_tokens: int = MAX_CACHED_TOKENS) -> Ragged:
    """Tokenise texts without special tokens."""
    if not texts:
        return Ragged(np.zeros(0, dtype=_dtype(tokenizer)), np.zeros(1, dtype=np.int64))
    encoded = tokenizer(
        list(texts), add_special_tokens=False, truncation=True, max_length=max_tokens,
        return_attention_mask=False, return_token_type_ids=False,
    )["input_ids"]  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in encoded])]).astype(np.int64)
    values = np.fromiter((token for row in encoded for token in row), dtype=_dtype(tokenizer), count=int(offsets[-1]))
    return Ragged(values, offsets)


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

    def read(self, split: str, shard: str, column: str, pattern: str | None = None) -> tuple[np.ndarray, Ragged]:
        """Return the int64 ids [n] and the tokens of one text column (``question`` or ``passage``) of a shard."""
        name = f"{column}-{fingerprint(pattern)}" if pattern else column
        path = f"{self.folder}/{self.fingerprints[split]}/{split}/{name}/{shard}"
        if not self.workspace.exists(path):
            self._write(path, split, shard, column, pattern)
        table = self.workspace.read_table(path).combine_chunks()
        tokens = table["tokens"].chunk(0) if table.num_rows else pa.array([], table.schema.field("tokens").type)
        offsets = tokens.offsets.to_numpy().astype(np.int64)
        return table["id"].to_numpy(), Ragged(tokens.values.to_numpy(), offsets)

    def _write(self, path: str, split: str, shard: str, column: str, pattern: str | None) -> None:
        source = f"{corpus_folder(self.corpus, split)}/{shard}"
        table = self.workspace.read_table(source, columns=["id", column])
        texts = table[column].to_pylist()
        unique = list(dict.fromkeys(texts))  # a question stands before each of its candidates: tokenise it once
        place = {text: index for index, text in enumerate(unique)}
        cut = tokenize(self.tokenizer, [view(text, pattern) for text in unique])
        rows = [cut.row(place[text]) for text in texts]
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
        values = np.concatenate(rows) if rows else cut.values
        tokens = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
        self.workspace.publish_table(path, pa.table({"id": table["id"], "tokens": tokens}))


def _dtype(tokenizer: PreTrainedTokenizerBase) -> type[np.unsignedinteger]:
    return np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32
