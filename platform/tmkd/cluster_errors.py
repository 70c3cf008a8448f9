"""Root causes of what Ray reports: its wrappers are peeled off, so that a user reads the cause and not its frames.

Ray Core, Data, Train and Tune each wrap the error of a task, an actor or a worker in classes of their own. Some keep
the error itself, others only the text of its trace. Nothing here imports Ray: the classes are known by their names.
"""

from __future__ import annotations

import re
from typing import Any

from tmkd.errors import UserError

MAX_LENGTH = 1500
"""Characters of a cause that are kept, so that a message around it stays below 2,000."""
WRAPPERS = frozenset(
    ["RayTaskError", "UserCodeException", "ActorDiedError", "SystemException", "RayError", "UnserializableException"]
)
"""Last names of Ray's classes that say only that something else has failed."""
_SEAM = re.compile(
    r"\n\s*(?:The above exception was the direct cause of|During handling of the above exception, another).*\n"
)
_CLASS_LINE = re.compile(r"^([A-Za-z_][\w.]*): ?(.*)|^([A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit))$")
_NOT_CLASSES = re.compile(r"^(?:ray::|File|Traceback|Failed|To|Original exception)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class RemoteError(Exception):
    """An error of another process of which Ray has kept the text only, as ``ValueError: its message``."""


class WorkerLostError(Exception):
    """A worker process that ended without an error of its own: killed, out of memory, or crashed in native code."""


def root_cause(error: BaseException) -> BaseException:
    """Return the error that Ray, Ray Data, Ray Train or Ray Tune has wrapped; any other error as it is.

    Returns:
        The very exception where Ray has kept it. Else a `UserError` of the same words if it was one, a
        `WorkerLostError` where a process has died, or a `RemoteError`.
    """
    found, seen = error, set[int]()
    while (inner := _inner(found)) is not None and id(inner) not in seen:
        seen.add(id(inner))
        found = inner
    return found


def explain(error: BaseException) -> str:
    """Return an error's root cause as one line of text: its words where the user can mend it, else class and words."""
    cause = root_cause(error)
    words = _clean(str(cause))[:MAX_LENGTH]
    if isinstance(cause, UserError | RemoteError | WorkerLostError):
        return words
    return f"{type(cause).__name__}: {words}" if words else type(cause).__name__


def users_mistake(error: BaseException | None) -> UserError | None:
    """Return the user's mistake that Ray has wrapped into errors of its own; None where there is none."""
    found = None if error is None else root_cause(error)
    return found if isinstance(found, UserError) and not _is_of_ray(found) else None


def _inner(error: BaseException) -> BaseException | None:
    """Return what an error of Ray's stands for; None for errors that stand for themselves."""
    if not _is_of_ray(error):
        return None
    for failure in (*getattr(error, "worker_failures", {}).values(), getattr(error, "controller_failure", None)):
        if isinstance(failure, BaseException):
            return failure
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException) and not _is_of_ray(cause):
        return cause
    return _of_text(error) or (cause if isinstance(cause, BaseException) else None) or error.__cause__


def cause_in_trace(text: str) -> BaseException | None:
    """Return the error that the text of a trace ends with, below all wrappers of Ray's; None where there is no trace.

    Returns:
        A `UserError` or a `RemoteError`.
    """
    text = _COLOURS.sub("", text)
    if "Traceback" not in text and '\n  File "' not in text:
        return None
    blocks = [found for block in _SEAM.split(text) if (found := _last_error(block))]
    causes = [(kind, words) for kind, words in blocks if kind.rsplit(".", 1)[-1].split("(")[0] not in WRAPPERS]
    if not causes:
        return None
    kind, words = causes[-1]
    return UserError(words) if kind in _user_errors() else RemoteError(_named(kind, words))


def _user_errors(kind: type[UserError] = UserError) -> set[str]:
    """Return the full names of `UserError` and all of its subclasses, as a trace names them."""
    names = {f"{kind.__module__}.{kind.__qualname__}"}
    return names.union(*(_user_errors(each) for each in kind.__subclasses__()))


def _of_text(error: BaseException) -> BaseException | None:
    """Return what the words of an error of Ray's that has kept no other error tell."""
    name, text = type(error).__name__, str(error)
    if (found := cause_in_trace(text)) is not None:
        return found
    if name in ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError") or "its worker process has died" in text:
        return WorkerLostError(_lost(name, text))
    return None


def _last_error(block: str) -> tuple[str, str] | None:
    """Return (class, words) of the error that a block of trace ends with; words may go over several lines."""
    lines = block.splitlines()
    frames = [index for index, line in enumerate(lines) if line.startswith("  ")]
    for index in range(frames[-1] + 1 if frames else 0, len(lines)):
        match = _CLASS_LINE.match(lines[index])
        if match and not _NOT_CLASSES.match(lines[index]):
            words = "\n".join([match.group(2) or "", *lines[index + 1 :]]).strip()
            return match.group(1) or match.group(3), words
    return None


def _lost(name: str, text: str) -> str:
    """Return what is known of a process that has died."""
    if name == "OutOfMemoryError" or "low on memory" in text:
        reason = "Ray ended it because this node ran low on memory; use smaller batches, or fewer actors or workers"
    elif name == "NodeDiedError":
        reason = "its node is gone"
    else:
        reason = "killed, out of memory, or crashed in native code"
    found = re.search(r"class_name: (\S+)", text), re.search(r"\bpid: (\d+)", text)
    who = " ".join(f"{label} {match.group(1)}" for label, match in zip(("of", "pid"), found, strict=True) if match)
    return f"a worker process{f' ({who})' if who else ''} has died: {reason}"


def _named(kind: str, words: str) -> str:
    short = kind.rsplit(".", 1)[-1]
    return f"{short}: {words}" if words else short


def _is_of_ray(error: Any) -> bool:
    return any(cls.__module__.split(".")[0] == "ray" for cls in type(error).__mro__)


def _clean(text: str) -> str:
    """Return a text on one line, without colours."""
    return " ".join(_COLOURS.sub("", text).split())
