"""A cluster that is named and not there, and a token that cannot be read: one sentence at once, not a minute later."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import ray

from tmkd.cluster_address import check_address, checked_address
from tmkd.errors import UserError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch) -> None:
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_USE_TLS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nobody() -> str:
    """An address of this machine where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def web_server() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def refused() -> str:
    started = time.monotonic()
    with pytest.raises(UserError) as error:
        checked_address()
    assert time.monotonic() - started < 10
    return str(error.value)


@pytest.mark.parametrize("kind", ["", "ray://"])
def test_a_host_that_does_not_answer_is_named_at_once(monkeypatch, nobody, kind) -> None:
    monkeypatch.setenv("RAY_ADDRESS", kind + nobody)
    said = refused()
    assert said.startswith(f"RAY_ADDRESS: {kind}{nobody}: no Ray cluster answers there (") and "unset it" in said


@pytest.mark.parametrize("address", ["head", "head:", "head:ray", ":6379", "head:99999"])
def test_what_is_no_address_is_told_what_one_looks_like(monkeypatch, address) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert "expected host:port such as 10.0.0.1:6379, auto or local" in refused()


def test_a_host_without_an_address_is_named(monkeypatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "no-such-host.invalid:6379")
    assert "no-such-host.invalid:6379: no Ray cluster answers there" in refused()


def test_another_server_is_not_taken_for_a_cluster(monkeypatch, web_server) -> None:
    monkeypatch.setenv("RAY_ADDRESS", web_server)
    assert "what answers there is no Ray cluster" in refused()


def test_auto_without_a_cluster_says_so(monkeypatch, tmp_path, nobody) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    note = tmp_path / "ray" / "ray_current_cluster"
    note.parent.mkdir()
    note.write_text(nobody)  # of a cluster that is gone
    assert f"RAY_ADDRESS: auto ({nobody}): no Ray cluster answers there" in refused()


def test_a_running_cluster_is_accepted(monkeypatch, ray_session) -> None:
    address = ray.get_runtime_context().gcs_address
    check_address(address, address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    assert checked_address() == address
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert checked_address() is None


def test_a_token_file_that_cannot_be_used_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "local")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "gone"))
    assert refused().startswith(f"RAY_AUTH_TOKEN_PATH: {tmp_path}/gone cannot be read (No such file")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path))
    assert "cannot be read (Is a directory)" in refused()
    (tmp_path / "token").write_text(" \n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert "is empty" in refused()
    (tmp_path / "token").write_text("a token")
    assert checked_address() is None
    monkeypatch.setenv("RAY_AUTH_MODE", "none")
    assert "expected one of token, disabled, k8s" in refused()
    assert "RAY_AUTH_TOKEN" not in os.environ
