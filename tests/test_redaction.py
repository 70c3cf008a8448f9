"""Secrets in addresses: hidden wherever one is shown, whatever characters they hold, and refused in a workspace's."""

from __future__ import annotations

import pytest

from tmkd.errors import UserError
from tmkd.paths import check_path
from tmkd.redaction import holds_credentials, redact
from tmkd.workspace import Workspace

SECRETS = ["pa55", "p@ss", "p/a/ss", "p@/ss@", "p?x=1", "p#x", "p:a:b", "p'a\"b", "p%40b", "@", "/", "a&b"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("scheme", ["postgresql", "http", "s3", "mysql+pymysql"])
def test_a_password_is_hidden_whatever_it_holds(scheme: str, secret: str) -> None:
    shown = redact(f"cannot reach {scheme}://user:{secret}@host/db?x=1: no route")
    assert shown == f"cannot reach {scheme}://***@host/db?x=1: no route"


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "refresh-token", "password", "passwd", "sslpassword", "sig", "signature", "api_key",
     "key", "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "AWSAccessKeyId", "secret_key",
     "Authorization"],
)  # fmt: skip
def test_settings_that_are_secrets_are_hidden(name: str) -> None:
    assert redact(f"http://host/x?a=1&{name}=abc%2F+/=&b=2 failed") == f"http://host/x?a=1&{name}=***&b=2 failed"
    assert redact(f"http://host/x?{name}=abc#f") == f"http://host/x?{name}=***"


@pytest.mark.parametrize(
    "text",
    ["batch_tokens=512, tokenizer=x", "http://host:5000/a/b?page=2&sort=key", "author=me", "s3://bucket/a/b", "a@b.c",
     "question_tokens = 3", "x == y", "models:/student@best"],
)  # fmt: skip
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert redact(text) == text


def test_headers_are_hidden_and_long_words_take_no_time() -> None:
    assert redact("Authorization: Bearer abcdefgh.ijkl") == "Authorization: Bearer ***"
    assert redact("token" * 20_000) == "token" * 20_000


@pytest.mark.parametrize("secret", SECRETS)
def test_credentials_in_a_workspace_s_address_are_refused_whatever_they_hold(secret: str) -> None:
    for uri in (f"s3://AKIA:{secret}@bucket/x", f"s3://bucket/x?secret_key={secret}", f"gs://u:{secret}@b"):
        assert holds_credentials(uri)
        with pytest.raises(UserError, match="credentials belong into the environment") as caught:
            Workspace.of(uri)
        assert str(caught.value).startswith(f"{uri[:2]}://***: ")


@pytest.mark.parametrize("uri", ["s3://bucket/a@b/c", "s3://bucket/a:b", "gs://bucket", "/home/a:b@c", "s3://[x"])
def test_addresses_without_credentials_are_taken(uri: str) -> None:
    assert not holds_credentials(uri)


def test_so_are_those_in_a_recipe_s_paths() -> None:
    with pytest.raises(ValueError, match=r"s3://\*\*\*: credentials belong into the environment"):
        check_path("s3://AKIA:se/cr@et@bucket/pairs.tsv")


def test_settings_behind_an_address_are_refused_without_a_secret_in_the_message() -> None:
    with pytest.raises(UserError, match=r"s3://b/x\?region=eu: settings of a store belong into the environment"):
        Workspace.of("s3://b/x?region=eu")


@pytest.mark.parametrize("uri", ["~nosuchuser/ws", "a\0b", "a?b", "50%", "x" * 300, "/".join(["y"] * 4000)])
def test_a_workspace_that_no_file_system_can_hold_is_refused(uri: str) -> None:
    with pytest.raises(UserError, match=r"^workspace[: ]"):
        Workspace.open(uri)
