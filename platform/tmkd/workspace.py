"""Where things lie: one folder or object-store prefix, whole-file publishing, fingerprints.

Everything a run makes lands under the workspace; the layout is in docs/architecture.md. All access goes
through `pyarrow.fs`, so a local folder and ``s3://bucket/prefix`` are the same to every other room.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from tmkd.errors import UserError
from tmkd.integrity import DamagedError, MissingError, Stamp, known_hash, remedy, remember
from tmkd.paths import user_path
from tmkd.redaction import HIDDEN, holds_credentials, redact

Names = list[str]
HASH_SUFFIX = ".sha256"


def fingerprint(value: Any) -> str:
    """Return 16 hex digits that identify a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def folder_fingerprint(folder: Path, names: Iterable[str] | None = None) -> str:
    """Return 16 hex digits over the names and bytes of a local folder's files (not its sub-folders).

    Weights are hashed by content, so a changed teacher under the same name is always noticed.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and (names is None or path.name in names):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Stat:
    """Size of a file in bytes, and when it was written, in nanoseconds; what tells that it has not changed since."""

    size: int
    modified: int


@dataclass(frozen=True)
class Workspace:
    """A root to read from and publish to. Paths given to its methods are relative to it, with ``/``.

    Picklable (a URI is all it holds), so Ray tasks and actors take it as an argument.
    """

    uri: str

    @classmethod
    def open(cls, uri: str) -> Workspace:
        """Open (and for a local folder, make) a workspace that can be written.

        Raises:
            UserError: if it cannot be written, naming the folder and the cause; if the address carries credentials.
        """
        workspace = cls.of(uri)
        if workspace.is_local and set("?%") & set(workspace.uri):  # MLflow would make its database elsewhere
            raise UserError(
                f"workspace {workspace.uri}: '?' and '%' mean something else to MLflow's database, which "
                "is in that folder; choose one without them"
            )
        probe = f".writable-{uuid.uuid4().hex[:8]}"
        try:
            workspace._put(probe, b"")
            workspace.delete(probe)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise UserError(
                f"workspace {workspace.uri}: cannot be written ({error}); "
                "give another with --workspace DIR|URI or mend its permissions"
            ) from None
        return workspace

    @classmethod
    def of(cls, uri: str) -> Workspace:
        """Return what lies at an address, to be read from; nothing is made.

        Raises:
            UserError: if the address carries credentials, or settings behind a ``?``.
        """
        _refuse_credentials(uri)
        if "://" in uri and "?" in uri:
            raise UserError(
                f"{redact(uri)}: settings of a store belong into the environment (for S3 AWS_REGION, "
                "AWS_ENDPOINT_URL); behind the address stand paths"
            )
        return cls(uri if "://" in uri else str(user_path(uri, "workspace").resolve()))

    @property
    def is_local(self) -> bool:
        return "://" not in self.uri

    def local_path(self, path: str = "") -> Path:
        """Return the path on disk. Raises `ValueError` for an object store."""
        if not self.is_local:
            raise ValueError(f"{self.uri} is not a local folder")
        return Path(self.uri, self._inside(path))

    def exists(self, path: str) -> bool:
        return self._info(path).type != pafs.FileType.NotFound

    def list(self, folder: str, suffix: str = "") -> Names:
        """Return the sorted names of the files directly in ``folder`` (none if it is not there)."""
        filesystem, root = self._resolve(folder)
        found = filesystem.get_file_info(pafs.FileSelector(root, allow_not_found=True))
        return sorted(info.base_name for info in found if info.is_file and info.base_name.endswith(suffix))

    def stats(self, folder: str) -> dict[str, Stat]:
        """Return size and time of every file directly in ``folder`` from one listing, hidden ones included."""
        filesystem, root = self._resolve(folder)
        found = filesystem.get_file_info(pafs.FileSelector(root, allow_not_found=True))
        return {info.base_name: Stat(info.size, info.mtime_ns) for info in found if info.is_file}

    def folders(self, folder: str) -> Names:
        """Return the sorted names of the folders directly in ``folder``."""
        filesystem, root = self._resolve(folder)
        found = filesystem.get_file_info(pafs.FileSelector(root, allow_not_found=True))
        return sorted(i.base_name for i in found if i.type == pafs.FileType.Directory)

    def read_bytes(self, path: str) -> bytes:
        filesystem, full = self._resolve(path)
        with filesystem.open_input_stream(full) as stream:
            return bytes(stream.read())

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of a file, in hex digits, read in parts."""
        filesystem, full = self._resolve(path)
        digest = hashlib.sha256()
        with filesystem.open_input_stream(full) as stream:
            while part := stream.read(1 << 20):
                digest.update(part)
        return digest.hexdigest()

    def publish_bytes(self, path: str, data: bytes, with_hash: bool = True) -> None:
        """Write beside, fsync, rename (object store: one put), so that no reader sees half a file.

        The SHA-256 goes to ``<path>.sha256`` *before* the file appears under its final name.

        Raises:
            UserError: if it cannot be written: no room, no permission, no such bucket.
        """
        try:
            if with_hash:
                self._put(path + HASH_SUFFIX, hashlib.sha256(data).hexdigest().encode())
            self._put(path, data)
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"{self.show(path)}: cannot be written ({error}); make room or mend the permissions, and run the same "
                "command again: what is finished is kept"
            ) from None

    def _put(self, path: str, data: bytes) -> None:
        if self.is_local:
            _write_local(self.local_path(path), data)
            return
        filesystem, full = self._resolve(path)
        with filesystem.open_output_stream(full) as stream:
            stream.write(data)

    def is_intact(self, path: str) -> bool:
        """Tell whether a published file is there and its bytes match the hash beside it."""
        return self.read_intact(path) is not None

    def read_intact(self, path: str) -> bytes | None:
        """Return the bytes of a published file; None if it is not there or they do not match the hash beside it."""
        try:
            return self.read_published(path)
        except DamagedError:
            return None

    def read_published(self, path: str) -> bytes:
        """Return the bytes of a published file, compared with the hash beside it.

        Raises:
            DamagedError: if the two differ, the hash is gone, or the file is a link.
            MissingError: if the file is not there.
        """
        stamp = self.stamp(path)
        try:
            expected = self.read_bytes(path + HASH_SUFFIX).strip()
        except FileNotFoundError:
            raise DamagedError(
                f"{self.show(path)}: the hash beside it ({HASH_SUFFIX}) is gone; {remedy(path)}"
            ) from None
        data = self.read_bytes(path)
        found = hashlib.sha256(data).hexdigest()
        if found.encode() != expected:
            raise DamagedError(
                f"{self.show(path)}: is truncated or changed: its bytes do not match the hash beside it; {remedy(path)}"
            )
        remember(stamp, found)
        return data

    def check(self, path: str) -> None:
        """Raise what `read_published` raises, reading a file that has not changed once per process."""
        if known_hash(self.stamp(path)) is None:
            self.read_published(path)

    def stamp(self, path: str) -> Stamp:
        """Return size and time of one file.

        Raises:
            DamagedError: if it is a link, which would let a shard leave its folder.
            MissingError: if it is not there.
        """
        if self.is_local and self.local_path(path).is_symlink():
            target = self.local_path(path).readlink()
            raise DamagedError(f"{self.show(path)}: is a link to {target}; put the file itself there")
        info = self._info(path)
        if not info.is_file:
            raise MissingError(f"{self.show(path)}: is not there; {remedy(path)}")
        return Stamp(self.show(path), info.size, info.mtime_ns)

    def read_json(self, path: str) -> Any:
        return json.loads(self.read_bytes(path))

    def publish_json(self, path: str, value: Any) -> None:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str)
        self.publish_bytes(path, text.encode() + b"\n", with_hash=False)

    def read_table(self, path: str, columns: Names | None = None) -> pa.Table:
        """Return a published Parquet file, compared with its hash the first time that this process reads it.

        Raises:
            DamagedError: see `read_published`.
        """
        if known_hash(self.stamp(path)) is None:
            return pq.read_table(pa.BufferReader(self.read_published(path)), columns=columns)
        filesystem, full = self._resolve(path)
        return pq.read_table(full, columns=columns, filesystem=filesystem)

    def row_count(self, path: str) -> int:
        filesystem, full = self._resolve(path)
        return int(pq.read_metadata(filesystem.open_input_file(full)).num_rows)

    def publish_table(self, path: str, table: pa.Table, **options: Any) -> None:
        """Publish a Parquet file (zstd, one row group); the same table gives the same bytes.

        Args:
            path: where to.
            table: what.
            options: of `pyarrow.parquet.write_table`.
        """
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", row_group_size=max(1, table.num_rows), **options)
        self.publish_bytes(path, buffer.getvalue())

    def delete(self, path: str) -> None:
        """Delete a file or a folder with all below it; nothing happens if it is not there."""
        filesystem, full = self._resolve(path)
        kind = self._info(path).type
        if kind == pafs.FileType.Directory:
            filesystem.delete_dir(full)
        elif kind == pafs.FileType.File:
            filesystem.delete_file(full)

    def show(self, path: str = "") -> str:
        """Return the full location, as users are shown it."""
        return str(PurePosixPath(self.uri) / path) if self.is_local else f"{self.uri.rstrip('/')}/{path}"

    def _inside(self, path: str) -> str:
        """Return a path that stays below the root. Raises `UserError` for any other."""
        if path.startswith("/") or ".." in path.split("/"):
            raise UserError(f"{path!r} leaves the workspace {self.uri}; paths in it are relative and hold no '..'")
        return path

    def _resolve(self, path: str) -> tuple[pafs.FileSystem, str]:
        self._inside(path)
        if self.is_local:
            return pafs.LocalFileSystem(), str(Path(self.uri, path))
        filesystem, root = pafs.FileSystem.from_uri(self.uri)
        return filesystem, f"{root.rstrip('/')}/{path}".rstrip("/")

    def _info(self, path: str) -> pafs.FileInfo:
        filesystem, full = self._resolve(path)
        return filesystem.get_file_info(full)


def _refuse_credentials(uri: str) -> None:
    """Keep secrets out of addresses, which stand in logs, reports and commands to run next."""
    if holds_credentials(uri):
        scheme = uri.partition("://")[0]
        raise UserError(
            f"{scheme}://{HIDDEN}: credentials belong into the environment (for S3 AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the machine's role), not into the address"
        )


def _write_local(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def corpus_folder(corpus: str, split: str = "") -> str:
    """Return ``corpora/<corpus>[/<split>]``."""
    return f"corpora/{corpus}/{split}".rstrip("/")


def labels_folder(corpus: str, split: str, teacher: str) -> str:
    """Return the folder of one teacher's label store; ``golden`` is one of the teachers (T0)."""
    return f"soft_labels/{corpus}/{split}/{teacher}"


SHARD_PREFIX = "part-"


def shard_name(index: int) -> str:
    """Return the file name of a shard: ``part-00000.parquet``, ``part-00001.parquet`` and so on."""
    return f"{SHARD_PREFIX}{index:05d}.parquet"


def is_folder_name(name: str) -> bool:
    """Tell whether a name stays in the folder that it is looked up in."""
    return bool(name) and "/" not in name and "\\" not in name and not name.startswith(".")


def is_shard_name(name: str) -> bool:
    """Tell whether a name is that of a Parquet file in the folder that it is looked up in."""
    return is_folder_name(name) and name.endswith(".parquet")
