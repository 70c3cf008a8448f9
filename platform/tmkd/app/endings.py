"""How a job ends: its exit status, and one message for whatever stopped it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tmkd.cluster_errors import RemoteError, WorkerLostError, explain, root_cause, users_mistake
from tmkd.console import console, doing, warn
from tmkd.errors import Terminated, UserError, shortened
from tmkd.redaction import redact
from tmkd.scratch import lasting_folder
from tmkd.steps.context import EXIT_STATUS

FAILED, USER_MISTAKE, INTERRUPTED = 1, 2, 130
GOES_ON = "the same command goes on from here"
REASON_LENGTH = 1000
Result = dict[str, Any]


@dataclass
class Ending:
    """What is known of a job when it ends, whatever ends it.

    Attributes:
        job: name of the script, for messages.
        answer: where the result is printed as one JSON line; None prints nothing.
        verbose: whether the trace of an unforeseen error is printed; else it is written to a file.
        workspace: folder or address, as soon as it is known; a folder takes that file.
    """

    job: str
    answer: TextIO | None
    verbose: bool
    workspace: str | None = None

    def of(self, work: Callable[[], Result | None]) -> int:
        """Do the work of the job, which returns the result, or None where there is none; returns the exit status."""
        try:
            result = work()
        except Exception as error:
            return self._failed(error)
        except KeyboardInterrupt as error:
            return _interrupted(error)
        except SystemExit as error:  # Ray's own handler of SIGTERM, which is in place while Ray starts
            if error.code != signal.SIGTERM:
                raise
            return _interrupted(Terminated(signal.SIGTERM))
        if result is None:
            return 0
        status = int(result.pop(EXIT_STATUS, 0))
        self._print(result)
        return status

    def _failed(self, error: Exception) -> int:
        mistake = error if isinstance(error, UserError) else users_mistake(error)
        message = redact(str(mistake)) if mistake else self._unforeseen(error)
        with contextlib.suppress(OSError):
            console.print(f"error: {shortened(message)}", style="red", markup=False)
        return FAILED if mistake is None else USER_MISTAKE

    def _unforeseen(self, error: Exception) -> str:
        """Return what was being done, the library's reason, and where the trace is."""
        trace = redact("".join(traceback.format_exception(error)))
        step = f", step {shortened(step, 200)!r}" if (step := doing()) else ""
        if self.verbose:
            console.print(trace, markup=False)
            where = "the trace is above"
        else:
            path = _written(self.job, trace, self.workspace)
            where = f"the trace is in {path}" if path else "--verbose shows the trace"
        return f"{self.job}{step}: {reason(error)}\n{where}; what is finished is kept, and {GOES_ON}"

    def _print(self, result: Result) -> None:
        """Print a result as one JSON line; that nobody reads it is no fault of the work."""
        if self.answer is None:
            return
        try:
            print(json.dumps(result, default=str), file=self.answer, flush=True)
        except BrokenPipeError:  # Python would complain again when it flushes at the end
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self.answer.fileno())


def reason(error: BaseException) -> str:
    """Return the innermost cause of an error in one paragraph: its kind, and what the library says."""
    if isinstance(found := root_cause(error), RemoteError | WorkerLostError):
        return shortened(redact(explain(found)), REASON_LENGTH)
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        error = getattr(error, "cause", None) or error.__cause__ or error
        if not isinstance(error, BaseException):
            error = seen[-1]
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    is_trace = any(line.startswith("Traceback ") for line in lines)
    text = lines[-1] if is_trace else "\n".join(lines)
    return shortened(redact(f"{type(error).__name__}: {text}" if text else type(error).__name__), REASON_LENGTH)


def _interrupted(error: KeyboardInterrupt) -> int:
    ended_by = error.signal if isinstance(error, Terminated) else signal.SIGINT
    with contextlib.suppress(OSError):  # the terminal may be gone
        name = "interrupted" if ended_by == signal.SIGINT else f"ended by {signal.Signals(ended_by).name}"
        warn(f"{name}; {GOES_ON}")
    if ended_by != signal.SIGINT:
        _stop_ray()
    return 128 + ended_by


def _stop_ray() -> None:
    """Stop this machine's own Ray now, while the interpreter is whole: its processes must not outlive the job."""
    if (ray := sys.modules.get("ray")) is not None:
        with contextlib.suppress(Exception):
            ray.shutdown()


def _written(job: str, trace: str, workspace: str | None) -> Path | None:
    name = f"{job}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    own = [Path(workspace, "errors")] if workspace and "://" not in workspace else []
    for folder in (*own, lasting_folder()):
        with contextlib.suppress(OSError, ValueError):
            folder.mkdir(exist_ok=True)  # below a workspace that is there, or not at all
            path = folder / name
            path.write_text(trace, encoding="utf-8", errors="backslashreplace")
            return path
    return None
