"""Weight files that cannot be read, by name: the library that reads them names none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

from tmkd.errors import UserError


@contextmanager
def damage_named(folder: Path | str) -> Iterator[None]:
    """Raise `UserError` with the name of the file if weights of ``folder``, read in the block, are damaged."""
    try:
        yield
    except SafetensorError as error:
        raise UserError(
            f"{damaged_file(Path(folder))}: these safetensors weights are damaged or cut off ({error}); make or copy "
            "the file again"
        ) from None


def damaged_file(folder: Path) -> Path:
    """Return the first safetensors file of ``folder`` that is cut off or otherwise damaged, or the folder itself.

    Only the heads of the files are read: they tell how long a file has to be.
    """
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np"):
                pass
        except (SafetensorError, OSError):
            return path
    return folder
