"""The fingerprint of a split: of its ids and text, in order."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa


class TextDigest:
    """Digest of the rows of a split, which are given shard by shard.

    Args:
        text: the column beside the question, ``passage`` or ``context``.
    """

    def __init__(self, text: str) -> None:
        self._digest = hashlib.sha256()
        self._columns = ("question", text)

    def update(self, rows: pa.Table) -> None:
        """Append rows with the columns ``id`` (int64), ``question`` and the text."""
        self._digest.update(rows["id"].to_numpy().tobytes())
        for name in self._columns:
            # Lengths as well as bytes: a word moved over a border must change the fingerprint.
            texts = [text.encode() for text in rows[name].to_pylist()]
            self._digest.update(np.fromiter(map(len, texts), np.int64, len(texts)).tobytes())
            self._digest.update(b"".join(texts))

    @property
    def fingerprint(self) -> str:
        """16 hex digits."""
        return self._digest.hexdigest()[:16]
