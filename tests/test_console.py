"""What the user sees, without a terminal: everything on stderr, sums at the end, aligned tables."""

from __future__ import annotations

import logging
import re
import time

import pytest

from tmkd import console
from tmkd.console import note, progress_bar, quiet_libraries, show_table, warn


def test_notes_and_warnings_go_to_stderr_only(capsys) -> None:
    note("made [3/4] of it")  # brackets are text here, no markup
    warn("mind [this]")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "made [3/4] of it\nwarning: mind [this]\n"


def test_a_bar_without_terminal_prints_one_line_with_the_sum(capsys) -> None:
    with progress_bar("labels", total=2000, unit="pairs") as bar:
        bar.advance(500)
        bar.advance(734)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"  labels: 1,234 pairs in \d+\.\d s \([\d,]+ pairs/s\)\n", err)


def test_the_sum_is_what_was_set_last_and_its_rate_is_per_second(capsys) -> None:
    with progress_bar("steps", total=None, unit="steps") as bar:
        bar.set(40, total=100)
        time.sleep(0.21)
    rate = int(re.search(r"40 steps in 0\.\d s \((\d+) steps/s\)", capsys.readouterr().err)[1])
    assert 20 < rate < 200


def test_a_long_step_says_now_and_then_how_far_it_is(capsys, monkeypatch) -> None:
    monkeypatch.setattr(console, "PLAIN_INTERVAL_S", 0.0)
    with progress_bar("labels", total=10, unit="rows") as bar:
        time.sleep(0.01)
        bar.set(5)
    first = capsys.readouterr().err.splitlines()[0]
    assert re.fullmatch(r"  labels: 5/10 rows, [\d,.]+ rows/s, 0 s left", first)


def test_a_step_that_fails_claims_no_sum(capsys) -> None:
    with pytest.raises(ZeroDivisionError), progress_bar("labels", total=10):
        1 / 0  # noqa: B018
    assert capsys.readouterr().err == ""


def test_a_table_shows_dashes_three_decimals_and_grouped_thousands(capsys) -> None:
    show_table("T", ["model", "accuracy", "pairs/s", "kept"], [["a", 0.81234, 1234.5, True], ["b", None, 3, False]])
    out, err = capsys.readouterr()
    lines = [[cell.strip() for cell in re.split(r"[│┃]", line)] for line in err.splitlines()]
    assert out == ""
    assert any(line[1:-1] == ["a", "0.812", "1,234", "True"] for line in lines)
    assert any(line[1:-1] == ["b", "-", "3", "False"] for line in lines)


def test_an_empty_table_is_no_fault(capsys) -> None:
    show_table("nothing yet", ["model", "accuracy"], [])
    assert "nothing yet" in capsys.readouterr().err


def test_verbose_leaves_the_libraries_alone(monkeypatch) -> None:
    loggers = [logging.getLogger(name) for name in console.NOISY]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.INFO)
        quiet_libraries(verbose=True)
        assert {logger.level for logger in loggers} == {logging.INFO}
        quiet_libraries(verbose=False)
        assert {logger.level for logger in loggers} == {logging.ERROR}
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
