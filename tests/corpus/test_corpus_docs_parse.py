from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest
from corpus_helpers import make_packages

from tmkd.corpus.docs.config import DocsConfig
from tmkd.corpus.docs.packages import find_sources, sources_state
from tmkd.corpus.docs.parse import MAX_DOCSTRING, MAX_FILE, Parsed, SourceFile, parse_file
from tmkd.corpus.docs.text import question_and_passage
from tmkd.errors import UserError
from tmkd.models.folders import local_folder

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


def test_what_is_no_readable_source_file_is_counted_with_its_reason_and_never_waited_for(tmp_path):
    package = tmp_path / "odd"
    package.mkdir()
    (package / "good.py").write_text(SOURCE)
    os.mkfifo(package / "pipe.py")
    (package / "device.py").symlink_to("/dev/zero")
    (package / "loop.py").symlink_to(package / "loop.py")
    (package / "gone.py").symlink_to(package / "nowhere.py")
    (package / "nul.py").write_bytes(b'"""' + bytes(100))
    with (package / "huge.py").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    (package / "long.py").write_text(f'"""Tell a long story of it.\n\n{"word " * MAX_DOCSTRING}"""\n')
    with socket.socket(socket.AF_UNIX) as listener, pytest.MonkeyPatch.context() as patched:
        patched.chdir(package)
        listener.bind("socket.py")
    os.mkfifo(tmp_path / "single.py")
    config = DocsConfig(packages=["odd", "single"], folder=str(tmp_path))
    parsed = Parsed()
    for source in find_sources(config):
        parse_file(source, parsed)
    assert {Path(path).name: reason for path, reason, _ in parsed.broken} == {
        "pipe.py": "no regular file", "device.py": "no regular file", "socket.py": "no regular file",
        "single.py": "no regular file", "loop.py": "cannot be read", "gone.py": "cannot be read",
        "huge.py": "larger than 16 MB", "nul.py": "not valid Python",
    }  # fmt: skip
    assert parsed.filtered[f"docstring of more than {MAX_DOCSTRING:,} characters"] == 1
    assert len(parsed.entries) == 2
    assert len(sources_state(config)["files"]) == 10


@pytest.mark.parametrize("unit", ["[a](b", "[ ", "a * b ", ":a:`", "`a` <b> "])
def test_a_long_docstring_of_any_kind_is_cleaned_in_no_time(unit):
    started = time.process_time()
    question_and_passage("Table.rows", f"Tell a story of it.\n\n{(unit * MAX_DOCSTRING)[:MAX_DOCSTRING]}")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", [".x", "trap.inner", "..", "a b", "__main__", ""])
def test_a_name_that_is_no_top_level_package_imports_nothing(name, tmp_path, monkeypatch):
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"corpus\.docs\.packages: no package"):
        find_sources(DocsConfig(packages=[name]))
    with pytest.raises(UserError, match=r"teachers\.a\.model: .*package"):
        local_folder(f"package:{name}", "teachers.a.model")
    assert "trap" not in sys.modules
