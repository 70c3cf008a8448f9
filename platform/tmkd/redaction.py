"""Text without the passwords and tokens that addresses in it carry. What is shown or logged goes through here."""

from __future__ import annotations

import re

HIDDEN = "***"
_USER_INFO = re.compile(r"://\S*@")
"""To the last ``@`` of the word: a password may hold ``@``, ``/``, ``?`` and quotes."""
_WORDS = (
    r"(?:pass(?:word|wd)|pwd|secret|token|signature|credentials?|(?:api|access|private|account|secret)[_-]?key(?:[_-]?id)?"
    r"|auth(?:orization)?)(?![a-z])"
)
_SETTING = re.compile(
    rf"(?i)(?<![\w.%-])([\w.%-]*?{_WORDS}[\w.%-]*|(?<=[?&;])(?:sig|key|code|pass))=(?!=)[^&;\s'\"<>)\]]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")


def redact(text: str) -> str:
    """Return ``text`` without the user names, passwords, tokens and signatures that addresses in it carry."""
    text = _USER_INFO.sub(f"://{HIDDEN}@", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", _SETTING.sub(rf"\1={HIDDEN}", text))


def holds_credentials(address: str) -> bool:
    """Tell whether an address (``scheme://…``) carries a user, a password or a token, whatever characters they hold."""
    _, found, rest = address.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return bool(found) and (("@" in rest and (":" in host or "@" in host)) or bool(_SETTING.search(rest)))
