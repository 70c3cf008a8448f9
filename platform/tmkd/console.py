"""What the user sees: progress bars, tables, notes. Everything goes to stderr; stdout is for `--json`."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tmkd.redaction import redact

PLAIN_WIDTH = 150
"""Columns where stderr is no terminal: wide enough that tables in log files do not wrap."""


class _Screen(Console):
    """Rich's console; where nobody reads on (``2>&1 | head``), the work goes on without it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        with suppress(OSError, ValueError):  # a stderr of a test has no descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


console = _Screen(
    stderr=True,
    highlight=False,
    soft_wrap=not sys.stderr.isatty(),
    width=None if sys.stderr.isatty() else PLAIN_WIDTH,
)
NOISY = (
    "optuna",
    "ray",
    "transformers",
    "deepspeed",
    "DeepSpeed",
    "mlflow",
    "alembic",
    "sentence_transformers",
    "torch",
)
PLAIN_INTERVAL_S = 15.0
_doing: list[str] = []


def note(message: str) -> None:
    """Print one line of what is going on."""
    console.print(redact(message), markup=False)


def warn(message: str) -> None:
    """Print one line that the user should not overlook."""
    console.print(Text(f"warning: {redact(message)}", style="yellow"))


def heading(message: str) -> None:
    """Print the title of a step, which `doing` returns until the next one."""
    _doing[:] = [message]
    console.print(Text(message, style="bold"))


def doing() -> str | None:
    """Return the title of the step that was announced last."""
    return _doing[0] if _doing else None


def quiet_libraries(verbose: bool = False) -> None:
    """Silence the libraries below warnings of their own; called in the driver and in every worker."""
    if verbose:
        return
    warnings.filterwarnings("ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("DEEPSPEED_LOG_LEVEL", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # the traceback of a trial whose reason we tell in a line


@dataclass
class Bar:
    """A running progress bar; `advance` and `set` move it. Without a terminal it prints a line now and then."""

    label: str
    unit: str
    total: float | None
    _progress: Progress | None
    _task: int | None
    done: float = 0.0
    _started: float = 0.0
    _printed: float = 0.0

    def advance(self, amount: float = 1.0) -> None:
        self.set(self.done + amount)

    def set(self, done: float, total: float | None = None) -> None:
        self.done = done
        self.total = total if total is not None else self.total
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=self.total)  # type: ignore[arg-type]
        elif time.monotonic() - self._printed > PLAIN_INTERVAL_S:
            self._printed = time.monotonic()
            console.print(f"  {self.label}: {self._plain()}", markup=False)

    def _plain(self) -> str:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        speed = self.done / elapsed
        of = f"/{self.total:,.0f}" if self.total else ""
        left = f", {(self.total - self.done) / speed:,.0f} s left" if self.total and speed else ""
        return f"{self.done:,.0f}{of} {self.unit}, {rate(speed)} {self.unit}/s{left}"


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        of = f"/{task.total:,.0f}" if task.total else ""
        return Text(f"{task.completed:,.0f}{of} {task.fields['unit']} · {rate(task.speed or 0)}/s")


@contextmanager
def progress_bar(label: str, total: float | None, unit: str = "rows") -> Iterator[Bar]:
    """Show a bar with rate and time left while the block runs, and one line with the sum when it ends."""
    started = time.monotonic()
    if console.is_terminal:
        columns = (
            SpinnerColumn(), TextColumn("  {task.description}"), BarColumn(), _RateColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(label, total=total, unit=unit)
            bar = Bar(label, unit, total, progress, task, _started=started)
            yield bar
    else:
        bar = Bar(label, unit, total, None, None, _started=started, _printed=started)
        yield bar
    seconds = max(time.monotonic() - started, 1e-9)
    note(f"  {label}: {bar.done:,.0f} {unit} in {seconds:.1f} s ({rate(bar.done / seconds)} {unit}/s)")


def rate(value: float) -> str:
    """Return a rate as it is shown: whole from ten on, else with a decimal."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are right-aligned, floats get three decimals, None a dash."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float) or row[index] is None for row in rows)
        table.add_column(name, justify="right" if numeric and rows else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
