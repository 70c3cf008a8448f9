"""A user's module is imported in the driver and in every worker, and one that is not there is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import ray

from tmkd import plugins
from tmkd.cluster import connect, setup_worker
from tmkd.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with what loading leaves behind taken back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(plugins.PASSED_ON, "")
    return tmp_path


def test_a_module_of_the_current_folder_is_imported_and_passed_on(folder) -> None:
    (folder / "losses_of_mine.py").write_text("LOADED = True\n")
    plugins.load_plugins(["losses_of_mine"])
    assert sys.modules["losses_of_mine"].LOADED
    assert os.environ[plugins.PASSED_ON] == "losses_of_mine"
    assert plugins.plugin_folders() == [str(folder / "losses_of_mine.py")]


def test_of_a_package_the_whole_folder_goes_to_other_nodes(folder) -> None:
    (folder / "kinds_of_mine").mkdir()
    for name in ("__init__", "one", "two"):
        (folder / "kinds_of_mine" / f"{name}.py").write_text("")
    plugins.load_plugins(["kinds_of_mine.one", "kinds_of_mine.two"])
    assert plugins.plugin_folders() == [str(folder / "kinds_of_mine")]


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        (None, "not_there", "--plugins: 'not_there': there is no such module"),
        (None, "not_there.inside", "--plugins: 'not_there.inside': there is no such module"),
        ("import not_installed", "needs_more", "'needs_more': ModuleNotFoundError while it was imported: No module"),
        ("1 / 0", "fails", "'fails': ZeroDivisionError while it was imported"),
        (None, "", None),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(folder, text, name, message) -> None:
    if text:
        (folder / f"{name}.py").write_text(text)
    if message is None:
        plugins.load_plugins([name])
        assert not os.environ[plugins.PASSED_ON]
        return
    with pytest.raises(UserError) as found:
        plugins.load_plugins([name])
    assert message in str(found.value)


def test_an_installed_package_needs_no_switch(folder, monkeypatch) -> None:
    (folder / "installed_kinds.py").write_text("")
    info = folder / "installed_kinds-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-kinds\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[tmkd.plugins]\nmine = installed_kinds\n")
    monkeypatch.syspath_prepend(str(folder))
    plugins.load_plugins([])
    assert "installed_kinds" in sys.modules


@pytest.mark.skipif("RAY_ADDRESS" in os.environ, reason="this is somebody else's cluster")
def test_workers_import_what_the_driver_has(folder, ray_at_the_end) -> None:
    (folder / "seen_by_workers.py").write_text("LOADED = True\n")
    plugins.load_plugins(["seen_by_workers"])
    ray.shutdown()
    connect()

    @ray.remote(num_cpus=0)
    def look() -> bool:
        setup_worker()
        return sys.modules["seen_by_workers"].LOADED

    assert ray.get(look.remote())
    ray.shutdown()
