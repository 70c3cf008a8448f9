"""Bytes of a text file: unpacked, in an encoding that extends ASCII, with line ends that are line feeds.

What the first bytes show is used: how the file is packed (gzip, bzip2, xz, Zstandard), a byte order mark of UTF-16 or
UTF-32, lines that end in carriage returns, and files that are no text at all.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import pyarrow as pa

from tmkd.corpus.config import WIDE
from tmkd.corpus.files.foreign import refuse_foreign
from tmkd.errors import UserError

BOM = b"\xef\xbb\xbf"
HEAD_BYTES = 1 << 16
CHUNK_BYTES = 1 << 18
WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


HALF_CHARACTERS = "tmkd.half_characters"
codecs.register_error(HALF_CHARACTERS, lambda error: ("\udcff", cast(UnicodeDecodeError, error).end))
"""Puts half a surrogate pair, which no text has, in place of what cannot be decoded: the row there is rejected."""


class TextFile(NamedTuple):
    """An open text file: its bytes, cut into lines by line feeds, and their encoding."""

    bytes: IO[bytes]
    encoding: str


@contextmanager
def open_text(location: str, encoding: str) -> Iterator[TextFile]:
    """Open a text file, whatever it is packed in.

    Args:
        location: path of the file.
        encoding: of its text, unless a byte order mark says otherwise.

    Raises:
        UserError: if it is empty, cannot be read to its end, or is no text file.
    """
    path = Path(location)
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{location}: the file is empty; expected rows of text")
        with _unpacked(path) as file:
            head = file.read(HEAD_BYTES)
        if not head:
            raise UserError(f"{location}: the file is empty once unpacked; expected rows of text")
        wide = _wide_encoding(head, location, encoding)
        refuse_foreign(head, location, is_wide=bool(wide))
        with _unpacked(path) as file:
            text = _recoded(file, wide) if wide else file
            returns = _ends_in_returns(_decoded_head(head, wide) if wide else head)
            ended = _buffered(_LineFeeds(text)) if returns else text
            yield TextFile(ended, "utf-8" if wide else encoding)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        raise UserError(f"{location}: cannot be read to its end: {error}") from None


def _unpacked(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(10)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    if magic.startswith(b"BZh") and magic[4:] == b"1AY&SY":
        return cast(IO[bytes], bz2.open(path, "rb"))
    if magic.startswith(b"\xfd7zXZ\x00"):
        return cast(IO[bytes], lzma.open(path, "rb"))
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _buffered(pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def _wide_encoding(head: bytes, location: str, encoding: str) -> str | None:
    """Return the encoding of two or four bytes per character that a file has; None if it has another one."""
    for mark, name in WIDE_MARKS:
        if head.startswith(mark):
            return name
    codec = codecs.lookup(encoding).name
    if codec in ("utf-16", "utf-32"):
        raise UserError(
            f"{location}: corpus.encoding is {encoding}, but the file has no byte order mark; set {codec}-le or "
            f"{codec}-be, or the encoding that it is in (utf-8?)"
        )
    return codec if codec in WIDE else None


def _decoded_head(head: bytes, encoding: str) -> bytes:
    return head.decode(encoding, "ignore").encode("utf-8", "ignore")


def _ends_in_returns(head: bytes) -> bool:
    return b"\r" in head and b"\n" not in head


def _recoded(file: IO[bytes], encoding: str) -> IO[bytes]:
    return _buffered(_Recoded(file, encoding))


def _buffered(raw: Any) -> IO[bytes]:
    return io.BufferedReader(raw, CHUNK_BYTES)


class _Converted(io.RawIOBase):
    """A stream whose chunks are converted on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._waiting = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting and not self._ended:
            chunk = self._file.read(CHUNK_BYTES)
            self._ended = not chunk
            self._waiting = self._convert(chunk)
        count = min(len(buffer), len(self._waiting))
        buffer[:count], self._waiting = self._waiting[:count], self._waiting[count:]
        return count

    def _convert(self, chunk: bytes) -> bytes:
        """Return the next converted bytes; an empty chunk is the end."""
        raise NotImplementedError


class _Recoded(_Converted):
    """UTF-8 in place of UTF-16 or UTF-32; what cannot be decoded becomes bytes that are not valid UTF-8."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        super().__init__(file)
        self._decoder = codecs.getincrementaldecoder(encoding)(HALF_CHARACTERS)

    def _convert(self, chunk: bytes) -> bytes:
        return self._decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogatepass")


class _LineFeeds(_Converted):
    """Line feeds in place of carriage returns, alone or before a line feed."""

    _after_return = False

    def _convert(self, chunk: bytes) -> bytes:
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_return = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
