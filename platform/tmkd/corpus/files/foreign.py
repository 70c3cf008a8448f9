"""Files that are not what their names say, known by their first bytes."""

from __future__ import annotations

from tmkd.errors import UserError

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook; save the sheet as CSV"),
    (b"PAR1", "a Parquet file; set corpus.format: parquet"),
    (b"ARROW1", "an Arrow (Feather) file; save it as Parquet"),
    (b"Obj\x01", "an Avro file; save it as Parquet"),
    (b"ORC", "an ORC file; save it as Parquet"),
    (b"\x89HDF", "an HDF5 file; save it as Parquet"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV"),
    (b"%PDF", "a PDF document; expected rows of text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"\x00\x05\x16\x07", "a file of attributes that macOS writes beside others (._NAME); remove it"),
    (b"\x80\x04\x95", "a Python pickle, which may run code when loaded; save it as Parquet"),
    (b"\x80\x05\x95", "a Python pickle, which may run code when loaded; save it as Parquet"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data; run: git lfs pull"),
)
MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype html", "a web page, not data; did the download need a login?"),
    (b"<html", "a web page, not data; did the download need a login?"),
    (b"<?xml", "an XML document; expected rows of text"),
)
TAR_PLACE = 257


def refuse_foreign(head: bytes, location: str, is_wide: bool) -> None:
    """Raise `UserError`, saying what a file is and what to do, if its first bytes are not those of rows of text.

    Args:
        head: the first bytes, unpacked.
        location: the file, for the message.
        is_wide: whether it is known to be in UTF-16 or UTF-32.
    """
    start = head.lstrip()[:20].lower()
    found = [what for magic, what in MAGIC if head.startswith(magic)]
    found += [what for markup, what in MARKUP if start.startswith(markup)]
    if head[TAR_PLACE:].startswith(b"ustar"):
        found.append("a tar archive; unpack it")
    if not is_wide and (encoding := _unmarked_utf16(head)):
        found.append(f"text in UTF-16 without a byte order mark; set corpus.encoding: {encoding}")
    if found:
        raise UserError(f"{location}: this is {found[0]}")


def _unmarked_utf16(head: bytes) -> str | None:
    """Return which UTF-16 a text is in, if every other byte is mostly zero; else None."""
    pairs = len(head) // 2
    zeros = [head[start : 2 * pairs : 2].count(0) for start in (0, 1)]
    if pairs >= 4 and max(zeros) > 0.4 * pairs and min(zeros) < 0.05 * pairs:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return None
