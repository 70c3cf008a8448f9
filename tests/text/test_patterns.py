"""What a teacher reads of a question: group 1 of its pattern, within a bounded time."""

from __future__ import annotations

import pytest

from tmkd.errors import UserError
from tmkd.text import patterns
from tmkd.text.patterns import compiled, view


def test_a_view_is_group_1_or_all_where_the_pattern_does_not_match() -> None:
    assert view("open: how a file\nis opened", "[^:]*: (.*)") == "how a file\nis opened"
    assert view("no colon", "[^:]*: (.*)") == "no colon" and view("a: b", None) == "a: b"
    assert view("ab", "(?:a|(b))") == "ab"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(x+x+)+y", "(.*)(.*)(.*)(.*)(.*)(.*)z", r"(\w+\s?)*$"])
def test_patterns_that_backtrack_exponentially_elsewhere_are_matched(pattern: str) -> None:
    assert isinstance(view("x" * 60 + "a" * 60 + "!", pattern), str)


def test_a_match_without_end_is_ended_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "TIMEOUT_S", 0.05)
    with pytest.raises(UserError, match=r"question_pattern .*takes over 0\.05 s on the question 'a,a,a"):
        view("a," * 20_000 + "b", "(?:(.*),)*$")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "is not a regular expression"), ("a*", "has no group"), ("(" * 900, "is not"),
     ("(a)" * 400, "at most 1,000"),
     ("(?P<1>a)", "is not a regular expression"), ("(a{99999999999999999999})", "is not a regular expression")],
)  # fmt: skip
def test_a_pattern_that_cannot_be_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compiled(pattern)
