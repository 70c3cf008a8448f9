"""What every job does around its step: read the switches, check the recipe, open workspace and tracker, report."""

from __future__ import annotations

import argparse
import contextlib
import io
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tmkd.app.endings import Ending
from tmkd.app.help import page, parser
from tmkd.app.signals import ending_on_signals
from tmkd.config import apply_overrides, parse
from tmkd.console import note, quiet_libraries
from tmkd.errors import UserError, nearest, shortened
from tmkd.plugins import load_plugins
from tmkd.recipe.files import read, with_overrides
from tmkd.recipe.recipe import Recipe
from tmkd.scratch import use_scratch
from tmkd.steps.context import MINIATURE
from tmkd.user_folders import prepare_home

Step = Callable[[Any], dict[str, Any]]
Next = str | Callable[[Recipe], str] | None
"""What the user would run after a job, or what tells it of a recipe."""
SWITCHES = ("recipe", "workspace", "fixture", "json", "verbose", "plugins", "help", "remake", "relabel")
REMAKE = {"remake": "make the corpus again although one is there (its sources have changed)"}
RELABEL = {"relabel": "make stale soft labels (and what they hang on) again, at their cost"}


def main(
    job: str,
    what: str,
    step: Step,
    next_command: Next,
    argv: Sequence[str] | None = None,
    own: Mapping[str, str] | None = None,
    shorthand: Mapping[str, str] | None = None,
) -> int:
    """Run one job; returns its exit status.

    Args:
        job: file name of the script, without ``.py``.
        what: what it does, for ``--help``.
        step: takes a `tmkd.steps.context.Context` and returns the result that ``--json`` prints.
        next_command: what the user would run next, or what tells it of the recipe.
        argv: the switches; those of this process by default.
        own: switches that only this job has -> their meaning; those given are in `Context.asked`.
        shorthand: switch with a value -> the recipe field that it stands for.
    """
    made = parser(job, what, {**REMAKE, **RELABEL, **(own or {})}, shorthand)
    words = sys.argv[1:] if argv is None else list(argv)
    ending = Ending(job, sys.stdout if "--json" in words else None, "--verbose" in words)
    if ending.answer:  # whatever a library prints, now or when this process ends, must not stand behind the answer
        sys.stdout = sys.stderr

    def work() -> dict[str, Any] | None:
        _check_words(words)
        switches, rest = made.parse_known_args(words)
        load_plugins(switches.plugins.split(","))
        if switches.help:
            _show_help(made)
            return None
        quiet_libraries(switches.verbose)
        prepare_home()
        use_scratch()
        ending.workspace = switches.workspace
        switches.asked = frozenset(name for name in own or {} if getattr(switches, name))
        given = {**overrides_from(rest, [*(own or {}), *(shorthand or {})]), **_short(switches, shorthand)}
        return _run(job, switches, given, step, next_command)

    with ending_on_signals():
        return ending.of(work)


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if "\0" in word or any("\ud800" <= character <= "\udfff" for character in word):
            raise UserError(
                f"{shortened(ascii(word), 300)}: not text in this terminal's encoding; rename the file, or set LANG to "
                "the encoding that it is named in"
            )


def _show_help(made: argparse.ArgumentParser) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal of few characters
        sys.stdout.reconfigure(errors="replace")
    with contextlib.suppress(BrokenPipeError):  # a pager that has seen enough
        print(page(made), flush=True)


def _short(switches: Any, shorthand: Mapping[str, str] | None) -> dict[str, str]:
    given = {field: getattr(switches, name.replace("-", "_")) for name, field in (shorthand or {}).items()}
    return {field: value for field, value in given.items() if value is not None}


def overrides_from(rest: Sequence[str], own: Sequence[str] = ()) -> dict[str, str]:
    """Read ``--student.layers 1`` and ``--student.layers=1`` into ``{"student.layers": "1"}``.

    Args:
        rest: words that are none of the job's own switches.
        own: names of those, for who mistypes one.

    Raises:
        UserError: for a word that is no switch, a switch without a value, or one that no recipe field begins with.
    """
    found: dict[str, str] = {}
    words = list(rest)
    while words:
        word = words.pop(0)
        shown = shortened(word, 300)
        if not word.startswith("--"):
            raise UserError(f"{shown!r}: expected a switch such as --student.layers 3; --help lists them all")
        name, equals, value = word[2:].partition("=")
        top = name.split(".")[0]
        if top not in Recipe.model_fields:
            hint = nearest(top, [*Recipe.model_fields, *SWITCHES, *own])
            raise UserError(f"{shown.partition('=')[0]}: no such switch{hint}; see --help")
        if not equals:
            if not words or words[0].startswith("--"):
                raise UserError(f"--{name}: needs a value")
            value = words.pop(0)
        found[name] = value
    return found


def _run(job: str, switches: Any, overrides: dict[str, str], step: Step, next_command: Next) -> dict[str, Any]:
    recipe, source_tree = _recipe(switches, overrides)
    from tmkd.workspace import Workspace

    if not switches.workspace:
        raise UserError("--workspace: the name is empty; give a folder or an address such as s3://bucket/tmkd")
    where = f"{switches.workspace.rstrip('/')}/fixture" if switches.fixture else switches.workspace
    workspace = Workspace.open(where)
    if switches.fixture:
        recipe = _shrunk(source_tree, workspace, overrides)
        note(MINIATURE)
    from tmkd.app.session import run_job

    switches.command = _with_switches(f"python jobs/{job}.py", switches, overrides)
    following = next_command(recipe) if callable(next_command) else next_command
    command = following and _with_switches(following, switches, overrides)
    return run_job(job, recipe, workspace, step, command, switches)


def _recipe(switches: Any, overrides: dict[str, str]) -> tuple[Recipe, tuple[dict[str, Any], str]]:
    tree, source = read(switches.recipe)
    label = source + (" with overrides" if overrides else "")
    return parse(Recipe, with_overrides(tree, overrides), label), (tree, source)


def _shrunk(source_tree: tuple[dict[str, Any], str], workspace: Any, overrides: dict[str, str]) -> Recipe:
    from tmkd.app.fixture import ensure_base, shrink

    tree, source = source_tree
    of_corpus = {key: value for key, value in overrides.items() if key.startswith("corpus.")}
    base = ensure_base(workspace)
    try:
        small = shrink(apply_overrides(tree, of_corpus, Recipe), base)
    except (TypeError, ValueError, AttributeError):
        parse(Recipe, apply_overrides(tree, of_corpus, Recipe), source)  # says what is wrong without the overrides
        raise
    return parse(Recipe, with_overrides(small, overrides), f"{source} --fixture")


def _with_switches(command: str, switches: Any, overrides: dict[str, str]) -> str:
    words = [command]
    words += [f"--recipe {shlex.quote(switches.recipe)}"] if switches.recipe != "docs" else []
    words += [f"--workspace {shlex.quote(switches.workspace)}"] if switches.workspace != "workspace" else []
    words += ["--fixture"] if switches.fixture else []
    words += [f"--plugins {shlex.quote(switches.plugins)}"] if switches.plugins else []
    words += [f"--{name} {shlex.quote(value)}" for name, value in overrides.items()]
    return " ".join(words)
