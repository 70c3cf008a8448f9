"""``--help``: what a job does, its switches, and every recipe field with type, default and meaning."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Mapping
from typing import NoReturn

from tmkd.errors import UserError
from tmkd.fields import Field, describe
from tmkd.recipe.files import shipped
from tmkd.recipe.recipe import Recipe

EPILOG = """Any recipe field is also a switch: --student.layers 1 --finetune.alpha 0.7 --corpus.path 'my pairs #2.tsv'
Text fields take the text as it is typed (007, 2024_01_02, #label, |, no). Fields that may be null take null, and
columns take a position from 0; in YAML quotes such words are text: '"null"', '"0"'. Lists and mappings are YAML:
--corpus.classes '[no, yes]'. Recipe files are YAML 1.2, whose texts stay as they are written too.
"""


class _Parser(argparse.ArgumentParser):
    """Raises what is wrong with a switch, in place of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see --help")


def parser(
    job: str, what: str, switches: dict[str, str], shorthand: Mapping[str, str] | None = None
) -> argparse.ArgumentParser:
    """Return the parser of a job's own switches; recipe fields are read from what it leaves over."""
    made = _Parser(
        prog=f"python jobs/{job}.py", description=what, epilog=EPILOG, add_help=False, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--recipe", default="docs", metavar="NAME|FILE", help=f"{', '.join(shipped())}, or a YAML file")
    made.add_argument("--workspace", default="workspace", metavar="DIR|URI", help="where everything lands (s3://… too)")
    made.add_argument(
        "--fixture",
        action="store_true",
        help="a miniature of the same run, with random 2-layer models, in <workspace>/fixture",
    )
    made.add_argument("--json", action="store_true", help="print the result as one JSON line, last on stdout")
    made.add_argument("--verbose", action="store_true", help="let Ray, transformers and DeepSpeed speak")
    made.add_argument(
        "--plugins", default="", metavar="MODULE,…", help="modules with losses, kinds or tasks of your own"
    )
    for name, meaning in switches.items():
        made.add_argument(f"--{name}", action="store_true", help=meaning)
    for name, field in (shorthand or {}).items():
        made.add_argument(f"--{name}", metavar="VALUE", help=f"short for --{field}")
    made.add_argument("--help", action="store_true", help="this page")
    return made


def page(made: argparse.ArgumentParser) -> str:
    """Return the whole help page."""
    width = max(80, min(shutil.get_terminal_size((100, 24)).columns, 130))
    lines = [made.format_help(), "recipe fields (type, default, meaning):"]
    for field in describe(Recipe):
        lines.extend(_lines(field, width))
    return "\n".join(lines)


def _lines(field: Field, width: int) -> list[str]:
    if field.type == "group":
        return ["", *textwrap.wrap(f"  {field.path}: {field.meaning}", width, subsequent_indent="    ")]
    # The fields of a list's rows are no switches: the list is given whole.
    switch = field.path if "[]" in field.path else f"--{field.path}"
    head = f"  {switch}  <{field.type}>  [{field.default}]"
    body = textwrap.wrap(field.meaning, width - 8)
    return [head, *(f"        {line}" for line in body)]
