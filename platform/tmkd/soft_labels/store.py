"""The label store: what one teacher said about one corpus split, in shards of the corpus's own names.

``soft_labels/<corpus>/<split>/<teacher>/`` holds ``store.json`` (the identity that binds the store, published
before the first shard), one Parquet file a corpus shard with its hash beside it, and at the end
``manifest.json``, their compaction. A shard under its final name is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tmkd.errors import UserError
from tmkd.integrity import DamagedError
from tmkd.sealed import publish_sealed, read_sealed
from tmkd.soft_labels.layouts import Labels, from_columns, storable, to_columns
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.span_logits import SpanLogits
from tmkd.workspace import HASH_SUFFIX, Workspace, fingerprint, labels_folder

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]
Kind = TypeVar("Kind")
IDENTITY_FILE = "store.json"
MANIFEST_FILE = "manifest.json"
MANIFEST_KEYS = {"fingerprint", "rows", "rejected", "shards"}
MADE_BY = b"tmkd.store"
"""Key of a shard's Parquet metadata: fingerprint of the store that it was made for."""
SHARD = b"tmkd.shard"
"""Key of a shard's Parquet metadata: its name."""
SMALL: dict[str, Any] = {
    "column_encoding": {"id": "DELTA_BINARY_PACKED"},
    "use_dictionary": False,
    "write_statistics": False,
}
"""Ids rise, so their differences take next to nothing: a logit costs less than its two bytes, ids included."""
CHECKERS = 16
SWEEP_AFTER_NS = 3600 * 10**9
"""An hour: whoever was writing such a file is not writing it any more."""


class LabelStore:
    """Soft labels of one teacher for one split: ``id int64`` and the columns of a layout (`soft_labels.layouts`).

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
        """What made the store, or None if nothing has been written yet. Raises `UserError` if that is damaged."""
        path = self._path(IDENTITY_FILE)
        if not self.workspace.exists(path):
            return None
        try:
            found = self.workspace.read_json(path)
            if fingerprint(found["identity"]) == found["fingerprint"]:
                return dict(found["identity"])
        except (ValueError, KeyError, TypeError):
            pass
        raise UserError(
            f"{self.workspace.show(path)}: is damaged or edited, so nothing says what made these labels; restore it, "
            "delete their folder or label again with --relabel"
        )

    @property
    def is_legible(self) -> bool:
        """Tell whether what made the store is known, or nothing has been written yet."""
        try:
            return self.identity is not None or not self.has_shards()
        except UserError:
            return False

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
        if found is None and self.has_shards():
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

    def missing(self, shards: Iterable[str]) -> list[str]:
        """Return the shards that are not done, in the order given.

        A file that has not changed since `compact` is trusted; any other is read and compared with its hash and
        with what binds this store, so that a truncated, flipped or stale one counts as missing.
        """
        files, known = self.workspace.stats(self.folder), self._index()
        wanted = list(shards)
        there = [name for name in wanted if name in files and name + HASH_SUFFIX in files]
        doubtful = [name for name in there if known.get(name) != [files[name].size, files[name].modified]]
        unsound = set(self._unsound(doubtful))
        done = set(there) - unsound
        return [name for name in wanted if name not in done]

    def fault(self, shard: str, bound: str | None = None) -> str | None:
        """Say what is wrong with a shard's file; None if it is whole and of this store.

        Args:
            shard: name of the corpus shard.
            bound: the store's fingerprint, where it is known already.
        """
        path = self._path(shard)
        for needed in (path, path + HASH_SUFFIX):
            if not self.workspace.exists(needed):
                return f"{needed.rsplit('/', 1)[1]} is not there"
        data = self.workspace.read_intact(path)
        if data is None:
            return "is truncated or changed: its bytes do not match the hash beside it"
        about = pq.read_schema(pa.BufferReader(data)).metadata or {}
        made_by, bound = about.get(MADE_BY, b"").decode(), bound or self.fingerprint or ""
        if made_by != bound:
            return f"was made by {made_by or 'nobody knows what'}, the store by {bound}"
        name = about.get(SHARD, b"").decode()
        return None if name == shard else f"holds the labels of {name or 'nobody knows which shard'}"

    def _unsound(self, names: list[str]) -> list[str]:
        bound = self.fingerprint
        with ThreadPoolExecutor(CHECKERS) as pool:
            faults = pool.map(lambda name: self.fault(name, bound), names)
            return [name for name, fault in zip(names, faults, strict=True) if fault]

    def requeue(self, shards: Iterable[str]) -> list[str]:
        """Withdraw the shards that hold rows without a score, so that they are labelled again; return their names.

        Damaged ones are `missing` anyway.
        """
        there = [name for name in shards if self.workspace.exists(self._path(name))]
        damaged = set(self._unsound(there))
        return self.withdraw(name for name in there if name not in damaged and self.rejected(name))

    def withdraw(self, shards: Iterable[str]) -> list[str]:
        """Delete the labels of shards, so that they are labelled again; return their names."""
        withdrawn = list(shards)
        for name in withdrawn:
            self.workspace.delete(self._path(name))
        return withdrawn

    def publish(self, shard: str, ids: IntArray, labels: Labels) -> None:
        """Publish one shard; the same labels give the same bytes.

        Args:
            shard: name of the corpus shard.
            ids: int64 [n], as in the corpus.
            labels: class logits float32 [n, C], span logits of n contexts or attention maps; a row that is not finite
                in float16 is stored as null.
        """
        identity = self.identity
        table = pa.table({"id": pa.array(ids), **to_columns(labels, (identity or {}).get("top_logits"))})
        made_by = "" if identity is None else fingerprint(identity)
        about = {MADE_BY: made_by.encode(), SHARD: shard.encode()}
        self.workspace.publish_table(self._path(shard), table.replace_schema_metadata(about), **SMALL)

    def read(self, shard: str) -> tuple[IntArray, FloatArray]:
        """Return ids int64 [n] and logits float32 [n, C] of a shard of pairs; NaN rows where there is no score.

        Raises:
            UserError: if it has not been labelled, the file cannot be read, or spans were read there.
        """
        return self._read_as(np.ndarray, "class logits", shard)

    def read_spans(self, shard: str) -> tuple[IntArray, SpanLogits]:
        """Return ids int64 [n] and what a span reader says of a shard; no tokens and a NaN null without a score.

        Raises:
            UserError: if it has not been labelled, the file cannot be read, or pairs were classified there.
        """
        return self._read_as(SpanLogits, "start and end logits of a span reader", shard)

    def read_attention(self, shard: str) -> tuple[IntArray, AttentionMaps]:
        """Return ids int64 [n] and where span readers look in a shard's contexts; maps of [0, 0] without a score.

        Raises:
            UserError: if it has not been labelled, the file cannot be read, or it holds other labels.
        """
        return self._read_as(AttentionMaps, "attention of span readers", shard)

    def scored(self, shard: str) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Return ids int64 [n] of a shard, and of each row whether it has a score."""
        ids, labels = self._read(shard)
        return ids, storable(labels)

    def rejected(self, shard: str) -> int:
        """Return how many rows of a shard the teacher could not score."""
        return int((~self.scored(shard)[1]).sum())

    def _read_as(self, kind: type[Kind], called: str, shard: str) -> tuple[IntArray, Kind]:
        ids, labels = self._read(shard)
        if not isinstance(labels, kind):
            raise UserError(f"{self.location(shard)}: holds no {called}, but labels of another kind")
        return ids, labels

    def _read(self, shard: str) -> tuple[IntArray, Labels]:
        path = self._path(shard)
        if not self.workspace.exists(path):
            raise UserError(f"{self.workspace.show(path)}: no such soft labels; run jobs/label_corpus.py first")
        try:
            table = self.workspace.read_table(path).combine_chunks()
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"{self.workspace.show(path)}: cannot be read ({error}); run jobs/label_corpus.py, which does it again"
            ) from None
        return table["id"].to_numpy(), from_columns(table)

    def compact(self, shards: Iterable[str], counts: Mapping[str, tuple[int, int]] | None = None) -> None:
        """Publish ``manifest.json``: rows, rejected rows and hash of every shard, once all are there.

        Args:
            shards: all of the split's.
            counts: shard -> its rows and rejected rows, where they are known; other shards are read.
        """
        wanted = list(shards)
        manifest = self.summary(wanted, counts)
        files = self.workspace.stats(self.folder)
        index = {name: [files[name].size, files[name].modified] for name in wanted}
        publish_sealed(self.workspace, self._path(MANIFEST_FILE), manifest)
        self.workspace.publish_json(self._index_path, {"fingerprint": self.fingerprint, "files": index})

    def summary(self, shards: Iterable[str], counts: Mapping[str, tuple[int, int]] | None = None) -> dict[str, Any]:
        """Return what `compact` publishes; its arguments."""
        wanted = list(shards)
        with ThreadPoolExecutor(CHECKERS) as pool:
            found = pool.map(lambda name: self._entry(name, (counts or {}).get(name)), wanted)
            entries = dict(zip(wanted, found, strict=True))
        return {
            "fingerprint": self.fingerprint,
            "rows": sum(entry["rows"] for entry in entries.values()),
            "rejected": sum(entry["rejected"] for entry in entries.values()),
            "shards": entries,
        }

    def _entry(self, shard: str, counts: tuple[int, int] | None) -> dict[str, Any]:
        rows, rejected = counts or (self.workspace.row_count(self._path(shard)), self.rejected(shard))
        sha256 = self.workspace.read_bytes(self._path(shard + HASH_SUFFIX)).decode().strip()
        return {"rows": rows, "rejected": rejected, "sha256": sha256}

    @property
    def _index_path(self) -> str:
        return f"runs/label_index/{self.folder}.json"

    def _index(self) -> dict[str, list[int]]:
        """Return size and time of the shards as `compact` last saw them; none where other labels were there then."""
        if not self.workspace.exists(self._index_path):
            return {}
        try:
            index = self.workspace.read_json(self._index_path)
            return dict(index["files"]) if index["fingerprint"] == self.fingerprint else {}
        except (ValueError, KeyError, TypeError):  # damaged: it only saves reading the shards again
            return {}

    @property
    def manifest(self) -> dict[str, Any] | None:
        """What `compact` wrote, or None while shards are missing or where it is cut or edited."""
        try:
            found = read_sealed(self.workspace, self._path(MANIFEST_FILE)) if self.has_manifest else {}
        except DamagedError:
            return None
        return found if found.keys() == MANIFEST_KEYS else None

    @property
    def has_manifest(self) -> bool:
        """Tell whether `compact` has written one, legible or not."""
        return self.workspace.exists(self._path(MANIFEST_FILE))

    def open_again(self) -> None:
        """Withdraw the manifest because shards are to be written, and sweep what killed processes left half-written."""
        self.workspace.delete(self._path(MANIFEST_FILE))
        for name, stat in self.workspace.stats(self.folder).items():
            if name.endswith(".tmp") and time.time_ns() - stat.modified > SWEEP_AFTER_NS:
                self.workspace.delete(self._path(name))

    def location(self, shard: str) -> str:
        """Return the full location of a shard, as users are shown it."""
        return self.workspace.show(self._path(shard))

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def has_shards(self) -> bool:
        """Tell whether labels are there, whatever made them."""
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
