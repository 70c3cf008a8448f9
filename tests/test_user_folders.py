"""Caches and sockets find a place where the home or the temporary folder is of no use."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tmkd import user_folders
from tmkd.errors import UserError
from tmkd.user_folders import MAX_SOCKET_PATH, cache_folder, prepare_home, private_folder, socket_root

NOWHERE = "/proc/nobody"
NAMELESS = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path) -> Path:
    """The temporary folder, of this test alone."""
    monkeypatch.setattr(user_folders.tempfile, "tempdir", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR", "RAY_TMPDIR", "TMPDIR"):
        monkeypatch.setenv(name, "")
    private_folder.cache_clear()
    yield tmp_path
    private_folder.cache_clear()


def test_caches_are_in_the_home_where_it_can_be_written(monkeypatch, place) -> None:
    monkeypatch.setenv("HOME", str(place / "home"))
    (place / "home").mkdir()
    prepare_home()
    assert cache_folder("onnx") == place / "home/.cache/tmkd/onnx"
    assert os.environ["HOME"] == str(place / "home") and not os.environ["XDG_CACHE_HOME"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
    assert cache_folder() == place / "cache/tmkd" and stat.S_IMODE(cache_folder().stat().st_mode) == 0o700


def test_without_a_home_a_private_folder_takes_its_place(monkeypatch, place) -> None:
    monkeypatch.setenv("HOME", NOWHERE)
    prepare_home()
    own = place / f"tmkd-{os.getuid()}"
    assert os.environ["HOME"] == str(own) and stat.S_IMODE(own.stat().st_mode) == 0o700
    assert os.environ["XDG_CACHE_HOME"] == str(own / ".cache")
    assert cache_folder("mlflow").is_relative_to(own)


def test_caches_that_are_named_and_cannot_be_written_go_there_too(monkeypatch, place) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", NOWHERE)
    assert cache_folder("x") == place / f"tmkd-{os.getuid()}" / "x"


def test_a_user_without_a_name_has_one_for_libraries_that_ask(place) -> None:
    code = (
        "import getpass, os; from tmkd.user_folders import prepare_home; prepare_home()\n"
        "print(getpass.getuser(), os.environ['HOME'])"
    )
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(user_folders.__file__).parents[1]), "TMPDIR": str(place)}
    done = subprocess.run([*NAMELESS, sys.executable, "-c", code], env=bare, capture_output=True, text=True)
    if "unshare" in done.stderr:
        pytest.skip("no permission to be a user that nobody knows")
    assert done.stdout.split() == ["uid54321", f"{place}/tmkd-54321"], done.stderr


def test_a_folder_that_somebody_else_has_prepared_is_not_used(place) -> None:
    (place / f"tmkd-{os.getuid()}").symlink_to(place)
    assert (found := private_folder()) != place / f"tmkd-{os.getuid()}"
    assert found.parent == place and stat.S_IMODE(found.stat().st_mode) == 0o700


def test_sockets_stay_in_a_temporary_folder_that_is_short_and_move_from_a_long_one(monkeypatch, place) -> None:
    monkeypatch.setattr(user_folders, "SHORT_PLACES", (str(place),))
    monkeypatch.setenv("TMPDIR", str(place))
    assert socket_root(MAX_SOCKET_PATH - len(str(place))) is None, os.environ["RAY_TMPDIR"]
    assert socket_root(MAX_SOCKET_PATH - len(str(place)) + 1) == place / f"tmkd-{os.getuid()}"
    monkeypatch.setenv("TMPDIR", NOWHERE)  # short, and of no use
    assert socket_root(70) == place / f"tmkd-{os.getuid()}"


def test_where_no_folder_is_short_enough_the_variable_is_named(monkeypatch) -> None:
    monkeypatch.setattr(user_folders, "SHORT_PLACES", ())
    monkeypatch.setenv("TMPDIR", "/tmp/" + "x" * 90)
    with pytest.raises(UserError, match=r"TMPDIR: /tmp/x+ .* \(at most 33 characters\); set RAY_TMPDIR"):
        socket_root(70)
