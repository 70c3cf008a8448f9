"""Paths as users type them: ``~`` expanded, and what no file system takes refused before it is looked up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from tmkd.errors import UserError, shortened
from tmkd.redaction import HIDDEN, holds_credentials

NAME_BYTES = 255
"""Longest name of a file or folder that file systems take."""
PATH_BYTES = 3000
"""Longest path taken; Linux has 4,095 bytes, and files are made below it."""
"""Longest path taken: below the 4,095 bytes of Linux, as files are named below it."""
FOLDER_NAME_BYTES = 100
"""Longest name of a run, corpus or teacher: files and folders have it as part of their names."""


def check_path(text: str) -> str:
    """Return a path, address, Hub id or package name unchanged.

    Raises:
        ValueError: no file system can hold it, its home folder is unknown, or it carries credentials.
    """
    if holds_credentials(text):
        scheme = text.partition("://")[0]
        raise ValueError(f"{scheme}://{HIDDEN}: credentials belong into the environment, not into the address")
    if "\0" in text:
        raise ValueError(f"{_brief(text)} holds a NUL character, which no path can")
    longest = max(len(os.fsencode(name)) for name in text.split("/"))
    if longest > NAME_BYTES or len(os.fsencode(text)) > PATH_BYTES:
        raise ValueError(
            f"{_brief(text)} is too long for a path: names have at most {NAME_BYTES} bytes, paths {PATH_BYTES:,}"
        )
    if text.startswith("~") and os.path.expanduser(text).startswith("~"):  # noqa: PTH111 - pathlib raises instead
        raise ValueError(
            f"{_brief(text)}: the home folder of {text.split('/')[0]!r} is unknown; write the path in full"
        )
    return text


def check_name_length(name: str) -> None:
    """Raise `ValueError` where a name is too long to be part of file names."""
    if len(name.encode(errors="replace")) > FOLDER_NAME_BYTES:
        raise ValueError(f"{_brief(name)} is too long: at most {FOLDER_NAME_BYTES} bytes, as folders are called so")


def user_path(text: str, switch: str) -> Path:
    """Return the path that a switch names, with ``~`` expanded. Raises `UserError` where there can be none."""
    try:
        return Path(check_path(text)).expanduser()
    except ValueError as error:
        raise UserError(f"{switch}: {error}") from None


def _brief(text: str) -> str:
    return shortened(repr(text), 120)


PathText = Annotated[str, AfterValidator(check_path)]
"""Field of a config that holds a path, an address, a Hub id or ``package:NAME``."""
