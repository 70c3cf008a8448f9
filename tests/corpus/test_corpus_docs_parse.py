from __future__ import annotations

from pathlib import Path

import pytest
from corpus_helpers import make_packages

from tmkd.corpus.docs.config import DocsConfig
from tmkd.corpus.docs.packages import find_sources, sources_state
from tmkd.corpus.docs.parse import Parsed, SourceFile, parse_file
from tmkd.errors import UserError

BODY = "It looks at every element of the given array once and returns the sum of those that pass the check."
SOURCE = f'''
class Table:
    """A table of typed columns held in memory.

    {BODY}
    """

    async def select_rows(self):
        """Keep the rows matching a predicate.

        {BODY}
        """

def test_table():
    """Check the table of typed columns.

    {BODY}
    """
'''


def parse(tmp_path: Path, text: str | bytes) -> Parsed:
    path = tmp_path / "tables.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    parsed = Parsed()
    parse_file(SourceFile("pack", "pack.tables", str(path)), parsed)
    return parsed


def test_classes_and_methods_are_read_and_tests_are_not(tmp_path):
    parsed = parse(tmp_path, SOURCE)
    assert [entry.key for entry in parsed.entries] == ["pack.tables:Table", "pack.tables:Table.select_rows"]
    assert parsed.entries[1].question == "table select rows: Keep the rows matching a predicate."


@pytest.mark.parametrize("text", ['def broken(:\n    """x"""', b'"""\xff\xfe"""', b'"""a"""\x00'])
def test_a_file_that_is_no_python_is_listed_and_not_raised(tmp_path, text):
    parsed = parse(tmp_path, text)
    assert [reason for _, reason, _ in parsed.broken] == ["not valid Python"]


def test_nothing_is_run(tmp_path):
    marker = tmp_path / "ran"
    parse(tmp_path, f'import pathlib\npathlib.Path({str(marker)!r}).touch()\n"""x"""')
    assert not marker.exists()


def test_test_folders_and_vendored_copies_are_skipped(tmp_path):
    for name in ("tests", "_vendor", "core"):
        (tmp_path / "pack" / name).mkdir(parents=True)
        (tmp_path / "pack" / name / "mod.py").write_text("x = 1")
    (tmp_path / "pack" / "conftest.py").write_text("x = 1")
    modules = [source.module for source in find_sources(DocsConfig(folder=str(tmp_path)))]
    assert modules == ["pack.core.mod"]


def test_installed_packages_are_found_by_import_name():
    modules = [source.module for source in find_sources(DocsConfig(packages=["rich"]))]
    assert "rich.console" in modules
    assert {module.split(".")[0] for module in modules} == {"rich"}


def test_unknown_package_gives_the_nearest_name():
    with pytest.raises(UserError, match="did you mean 'rich'"):
        find_sources(DocsConfig(packages=["richh"]))


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="not a folder"):
        find_sources(DocsConfig(folder=str(tmp_path / "none")))


def test_state_changes_with_the_files_of_a_folder(tmp_path):
    config = DocsConfig(folder=str(make_packages(tmp_path, 1, 2)))
    before = sources_state(config)
    (tmp_path / "pack0" / "more.py").write_text("x = 1")
    assert sources_state(config) != before
