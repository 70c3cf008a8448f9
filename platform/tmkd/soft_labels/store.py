"""The label store: what one teacher said about one corpus split, in shards of the corpus's own names.

``soft_labels/<corpus>/<split>/<teacher>/`` holds ``store.json`` (the identity that binds the store, published
before the first shard), one Parquet file a corpus shard with its hash beside it, and at the end
``manifest.json``, their compaction. A shard under its final name is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tmkd.errors import UserError
from tmkd.workspace import HASH_SUFFIX, Workspace, fingerprint, labels_folder

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
IDENTITY_FILE = "store.json"
MANIFEST_FILE = "manifest.json"
FLOAT16_MAX = 65_504.0


class LabelStore:
    """Soft labels of one teacher for one split: ``id int64, logits fixed_size_list<float16>[C]``.

    Args:
        workspace: where it lies.
        corpus: name of the corpus.
        split: name of the split.
        teacher: name of the teacher.
    """

    def __init__(self, workspace: Workspace, corpus: str, split: str, teacher: str) -> None:
        self.workspace = workspace
        self.folder = labels_folder(corpus, split, teacher)

    @property
    def identity(self) -> dict[str, Any] | None:
        """What made the store, or None if nothing has been written yet."""
        path = self._path(IDENTITY_FILE)
        return dict(self.workspace.read_json(path)["identity"]) if self.workspace.exists(path) else None

    @property
    def fingerprint(self) -> str | None:
        """16 hex digits over `identity`."""
        identity = self.identity
        return None if identity is None else fingerprint(identity)

    def bind(self, identity: Mapping[str, Any]) -> None:
        """Bind an empty store to ``identity``, or check that it is bound to the same one already.

        Raises:
            UserError: if other weights, text or settings made the labels that are there.
        """
        wanted: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        found = self.identity
        if found is None and self._has_shards():
            raise UserError(
                f"{self.workspace.show(self.folder)}: holds labels but no {IDENTITY_FILE} that says what made them; "
                "delete that folder or label again with --relabel"
            )
        if found is None:
            self.workspace.publish_json(
                self._path(IDENTITY_FILE), {"identity": wanted, "fingerprint": fingerprint(wanted)}
            )
        elif fingerprint(found) != fingerprint(wanted):
            raise UserError(self._stale(found, wanted))

    def clear(self) -> None:
        """Delete every label and the identity."""
        self.workspace.delete(self.folder)

    def missing(self, shards: Iterable[str], check_bytes: bool = True) -> list[str]:
        """Return the shards that are not done, in the order given.

        Args:
            shards: names of the corpus's shards.
            check_bytes: read every file and compare its hash, so that a truncated or flipped one counts as
                missing; otherwise one listing tells whether file and hash are there (for huge stores).
        """
        present = set(self.workspace.list(self.folder))
        there = {name for name in present if name + HASH_SUFFIX in present}
        return [
            name for name in shards
            if name not in there or (check_bytes and not self.workspace.is_intact(self._path(name)))
        ]  # fmt: skip

    def publish(self, shard: str, ids: IntArray, logits: FloatArray) -> None:
        """Publish one shard; the same labels give the same bytes.

        Args:
            shard: name of the corpus shard.
            ids: int64 [n], as in the corpus.
            logits: float32 [n, C]; a row that is not finite in float16 is stored as C nulls.
        """
        scored = storable(logits)
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.where(scored[:, None], logits, 0).astype(np.float16)
        columns = logits.shape[1]
        flat = pa.array(values.reshape(-1), mask=np.repeat(~scored, columns))  # Arrow cannot read null lists back
        column = pa.FixedSizeListArray.from_arrays(flat, columns)
        self.workspace.publish_table(self._path(shard), pa.table({"id": pa.array(ids), "logits": column}))

    def read(self, shard: str) -> tuple[IntArray, FloatArray]:
        """Return ids int64 [n] and logits float32 [n, C] of a shard; NaN rows where the teacher gave no score.

        Raises:
            UserError: if it has not been labelled, or the file cannot be read.
        """
        path = self._path(shard)
        if not self.workspace.exists(path):
            raise UserError(f"{self.workspace.show(path)}: no such soft labels; run jobs/label_corpus.py first")
        try:
            table = self.workspace.read_table(path, columns=["id", "logits"]).combine_chunks()
        except pa.ArrowException as error:
            raise UserError(
                f"{self.workspace.show(path)}: cannot be read ({error}); run jobs/label_corpus.py, which does it again"
            ) from None
        columns = table.schema.field("logits").type.list_size
        if not table.num_rows:
            return np.empty(0, np.int64), np.empty((0, columns), np.float32)
        lists = table["logits"].chunk(0)
        start, stop = lists.offset * columns, (lists.offset + len(lists)) * columns
        flat = lists.values.slice(start, stop - start).to_numpy(zero_copy_only=False)  # nulls become NaN
        return table["id"].to_numpy(), flat.astype(np.float32).reshape(-1, columns)

    def rejected(self, shard: str) -> int:
        """Return how many rows of a shard the teacher could not score."""
        return int(np.isnan(self.read(shard)[1]).any(axis=1).sum())

    def compact(self, shards: Iterable[str]) -> None:
        """Publish ``manifest.json``: rows, rejected rows and hash of every shard, once all are there."""
        entries: dict[str, dict[str, Any]] = {
            name: {
                "rows": self.workspace.row_count(self._path(name)),
                "rejected": self.rejected(name),
                "sha256": self.workspace.read_bytes(self._path(name + HASH_SUFFIX)).decode(),
            }
            for name in shards
        }
        total = sum(entry["rows"] for entry in entries.values())
        manifest = {"fingerprint": self.fingerprint, "rows": total, "shards": entries}
        self.workspace.publish_json(self._path(MANIFEST_FILE), manifest)

    @property
    def manifest(self) -> dict[str, Any] | None:
        """What `compact` wrote, or None while shards are missing."""
        path = self._path(MANIFEST_FILE)
        return dict(self.workspace.read_json(path)) if self.workspace.exists(path) else None

    def open_again(self) -> None:
        """Withdraw the manifest because shards are to be written."""
        self.workspace.delete(self._path(MANIFEST_FILE))

    def location(self, shard: str) -> str:
        """Return the full location of a shard, as users are shown it."""
        return self.workspace.show(self._path(shard))

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _has_shards(self) -> bool:
        return bool(self.workspace.list(self.folder, suffix=".parquet"))

    def _stale(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
        changes = "\n".join(
            f"  {key}: {found.get(key)!r} -> {wanted.get(key)!r}"
            for key in sorted(found.keys() | wanted.keys())
            if found.get(key) != wanted.get(key)
        )
        return (
            f"{self.workspace.show(self.folder)}: these soft labels were made by something else "
            f"(fingerprint {fingerprint(dict(found))}, now {fingerprint(dict(wanted))}):\n{changes}\n"
            "delete that folder, or label again with --relabel"
        )


def storable(logits: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell of each row [n] whether all its columns are finite and within float16."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(logits) <= FLOAT16_MAX).all(axis=1))
