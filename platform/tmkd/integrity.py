"""Files of a workspace that must be what was published: which are known to be, and what to do about the others."""

from __future__ import annotations

from dataclasses import dataclass

from tmkd.errors import UserError

MAX_KNOWN = 1 << 18


class DamagedError(UserError):
    """A file of the workspace is not what was published: cut, changed, or a link out of its folder."""


class MissingError(DamagedError, FileNotFoundError):
    """A file that the workspace should hold is not there."""


@dataclass(frozen=True)
class Stamp:
    """State of a file when it was read: as long as it is the same, the file need not be read again.

    Attributes:
        place: full path or URI.
        size: in bytes.
        modified: in nanoseconds.
    """

    place: str
    size: int
    modified: int


_known: dict[Stamp, str] = {}
"""SHA-256 of files that this process has read."""


def known_hash(stamp: Stamp) -> str | None:
    """Return the SHA-256 of a file that this process has read in this state, or None."""
    return _known.get(stamp)


def remember(stamp: Stamp, sha256: str) -> None:
    """Keep the hash of a file that was read, for the life of this process."""
    if len(_known) >= MAX_KNOWN:
        _known.clear()
    _known[stamp] = sha256


def remedy(path: str) -> str:
    """Return what to do about a damaged file, by its place in the workspace."""
    if path.startswith("corpora/") or "/golden/" in path:
        return (
            "restore it, or make the corpus again: jobs/prepare_corpus.py --remake --relabel keeps the soft labels of "
            "splits whose text comes out the same (changes of text or golden labels belong into the corpus's sources)"
        )
    if path.startswith("soft_labels/"):
        return "delete it and run jobs/label_corpus.py, which labels it again"
    return "restore or delete it"
