"""Checks of what the environment names before Ray is asked: the cluster's address and the token.

Ray itself would wait a minute for a host that is not there, and end the process over a token that cannot be read.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ray._private import services

from tmkd.errors import UserError

LOCAL, AUTO = "local", "auto"
"""Ray's names for a cluster of one's own, and for the one that runs on this machine."""
ANSWER_S = 5.0
"""How long a cluster may take to accept a connection."""
INSTEAD = "start that cluster, name another in RAY_ADDRESS, or unset it to run on this machine alone"
TOKEN_FILE, TOKEN, MODE = "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_TOKEN", "RAY_AUTH_MODE"
HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
SETTINGS_FRAME, FRAME_HEAD = 4, 9
"""An HTTP/2 server begins with a frame of this type (RFC 9113, section 3.4), whose head has so many bytes."""
MODES = ("token", "disabled", "k8s")


def checked_address() -> str | None:
    """Return the address of the cluster to join; None where this machine's own is to be started.

    Raises:
        UserError: if ``RAY_ADDRESS`` names no cluster that can be reached, a cluster that somebody has started here is
            neither named nor refused, or the token cannot be used.
    """
    address = os.environ.get("RAY_ADDRESS", "").strip()
    if address.startswith("http"):
        raise UserError(
            f"RAY_ADDRESS: {address} takes submitted jobs (ray job submit -- python jobs/…); unset it to run here"
        )
    if not address and (found := started_here()):
        raise UserError(
            f"a Ray cluster runs on this machine ({found}): RAY_ADDRESS=auto uses it, RAY_ADDRESS=local starts one of "
            "this job's own"
        )
    check_token()
    if address in ("", LOCAL):
        return None
    if address == AUTO:
        check_address(found := _running(), f"{AUTO} ({found})")
    else:
        check_address(address, address)
    return address


def started_here() -> str | None:
    """Return the address of the cluster that ``ray start`` has started on this machine and that still runs."""
    address = services.find_bootstrap_address(None)
    return address if address in services.find_gcs_addresses() else None


def _running() -> str:
    """Return the address that Ray takes for ``auto``."""
    address = services.find_bootstrap_address(None) or next(iter(services.find_gcs_addresses()), None)
    if address is None:
        raise UserError(f"RAY_ADDRESS: auto, but no Ray cluster runs on this machine; {INSTEAD}")
    return str(address)


def check_address(address: str, given: str) -> None:
    """Raise `UserError` unless a server that speaks as Ray's do is where ``RAY_ADDRESS`` says that a cluster is.

    Args:
        address: ``host:port`` or ``ray://host:port``.
        given: how the user named it.
    """
    shown = f"RAY_ADDRESS: {given}"
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"{shown} is no address; expected host:port such as 10.0.0.1:6379, auto or local")
    try:
        spoken = _greeted(host.strip("[]"), int(port))
    except OSError as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{shown}: no Ray cluster answers there ({reason}); {INSTEAD}") from None
    if not spoken:
        raise UserError(f"{shown}: what answers there is no Ray cluster; {INSTEAD}")


def _greeted(host: str, port: int) -> bool:
    """Tell whether gRPC, which Ray speaks, answers there; raise `OSError` where nothing does."""
    host = services.resolve_ip_for_localhost(host)  # as Ray will
    with socket.create_connection((host, port), timeout=ANSWER_S) as connection:
        if os.environ.get("RAY_USE_TLS", "0").lower() in ("1", "true"):
            return True
        connection.sendall(HTTP2_GREETING)
        try:
            answer = connection.recv(FRAME_HEAD)
        except TimeoutError:
            return False
    return len(answer) >= 4 and answer[3] == SETTINGS_FRAME


def check_token() -> None:
    """Raise `UserError` if the environment names a token that Ray could not use."""
    mode = os.environ.get(MODE, "").lower()
    if mode and mode not in MODES:
        raise UserError(f"{MODE}: {mode!r} is no way to authenticate; expected one of {', '.join(MODES)}, or unset it")
    path = os.environ.get(TOKEN_FILE)
    if mode == "disabled" or os.environ.get(TOKEN) or not path:
        return
    try:
        text = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UserError(
            f"{TOKEN_FILE}: {path} cannot be read ({error.strerror}); name the file with the cluster's token, or unset "
            "it where the cluster is this machine's own"
        ) from None
    if not text.strip():
        raise UserError(f"{TOKEN_FILE}: {path} is empty; expected the cluster's token in it")
