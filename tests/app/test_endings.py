"""How jobs end: one message for whatever escapes, the status that a signal has, and closed pipes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tmkd import console
from tmkd.app.cli import main
from tmkd.app.endings import FAILED, USER_MISTAKE, Ending, reason
from tmkd.errors import UserError

ROOT = Path(__file__).parents[2]


def ended(error: BaseException, workspace: Path | None = None, verbose: bool = False) -> int:
    def work() -> dict[str, Any]:
        console.heading("teachers · soft labels")
        raise error

    return Ending("label_corpus", None, verbose, str(workspace) if workspace else None).of(work)


def shell(command: str, work: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command that starts ``$PYTHON -c "$CODE"``, a job that does ``work``."""
    code = ENDING.format(work=work)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "platform"), "PYTHON": sys.executable, "CODE": code}
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)


def test_what_nobody_foresaw_is_one_message_with_step_reason_and_trace(tmp_path: Path, capsys) -> None:
    assert ended(OSError(28, "No space left on device", "/ws/x.parquet"), tmp_path) == FAILED
    err = " ".join(capsys.readouterr().err.split())
    assert "label_corpus, step 'teachers · soft labels': OSError: [Errno 28] No space left on device" in err
    assert "'/ws/x.parquet'" in err and "Traceback" not in err and "the same command goes on from here" in err
    (log,) = (tmp_path / "errors").iterdir()
    assert str(log) in err.replace(" ", "") or str(log) in err
    assert "Traceback" in log.read_text() and "raise error" in log.read_text()


def test_verbose_shows_the_trace_and_writes_no_file(tmp_path: Path, capsys) -> None:
    assert ended(ValueError("x"), tmp_path, verbose=True) == FAILED
    assert "Traceback" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_trace_is_kept_where_there_is_no_workspace(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tmkd.scratch._lasting", [])  # a job of this process may have made its scratch folder
    for place in (None, tmp_path / "none", Path("s3://bucket/x")):
        ended(ValueError("x"), place)
    assert len(list(tmp_path.iterdir())) >= 1 and not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "error",
    [RecursionError("deep"), MemoryError(), UnicodeEncodeError("ascii", "é", 0, 1, "no"), RuntimeError("y" * 9000)],
)
def test_messages_are_short_and_secrets_hidden(error: Exception, tmp_path: Path, capsys) -> None:
    ended(error, tmp_path)
    err = capsys.readouterr().err
    assert "\nerror: label_corpus, step " in err and type(error).__name__ in err and len(err) < 2200
    ended(RuntimeError("postgresql://ann:s3/cr@et@db refused"), tmp_path)
    assert "postgresql://***@db refused" in capsys.readouterr().err
    assert all("cr@et" not in log.read_text() for log in (tmp_path / "errors").iterdir())


def test_the_reason_is_the_innermost_one_and_its_last_line() -> None:
    try:
        try:
            raise KeyError("weights")
        except KeyError as inner:
            raise RuntimeError("a task failed") from inner
    except RuntimeError as outer:
        assert reason(outer) == "KeyError: 'weights'"
    assert reason(RuntimeError("Traceback (most recent call last):\n  File x\nValueError: no")).endswith(
        "ValueError: no"
    )
    looped = ValueError("round")
    looped.__cause__ = looped
    assert reason(looped) == "ValueError: round"


def test_a_user_s_mistake_is_short_whatever_the_user_gave(capsys) -> None:
    assert ended(UserError("x" * 90_000)) == USER_MISTAKE
    assert len(capsys.readouterr().err) < 2200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpus.path", "caf\udce9.tsv"], "not text in this terminal's encoding"),
        (["--workspace", ""], "--workspace: the name is empty"),
        (["--workspace", "~nosuchuser/ws"], "workspace: '~nosuchuser/ws': the home folder of '~nosuchuser' is unknown"),
        (["--workspace", "s3://AKIA:se/cr@et@bucket/x"], "s3://***: credentials belong into the environment"),
        (["--workspace", "w" * 3000], "is too long for a path"),
        (["--recipe", "r" * 3000], "is too long for a path"),
        (["--recipe", "~nosuchuser/r.yaml"], "--recipe: '~nosuchuser/r.yaml': the home folder"),
        (["--recipe"], "argument --recipe: expected one argument"),
        (["--fixture=3"], "ignored explicit argument '3'"),
        (["--x" * 3000], "no such switch"),
    ],
)
def test_odd_words_are_a_user_s_mistake(words: list[str], message: str, capsys) -> None:
    status = main("tmkd_pretrain", "Stage 1.", lambda context: {}, None, words)
    out, err = capsys.readouterr()
    assert status == USER_MISTAKE and out == "" and message in " ".join(err.split()) and len(err) < 2200


def test_a_workspace_that_is_a_file_is_named(tmp_path: Path, capsys) -> None:
    (tmp_path / "ws").write_text("")
    assert main("tmkd_pretrain", "x", lambda context: {}, None, ["--workspace", str(tmp_path / "ws")]) == USER_MISTAKE
    assert "cannot be written" in capsys.readouterr().err


ENDING = """
import sys, time, signal
from tmkd import console
from tmkd.app.endings import Ending
from tmkd.app.signals import ending_on_signals
def work():
    {work}
with ending_on_signals():
    sys.exit(Ending("job", sys.stdout, False).of(work))
"""


def test_help_is_shown_on_a_terminal_of_few_characters(monkeypatch) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii"))
    assert main("evaluate", "x — y", lambda context: {}, None, ["--help"]) == 0
    assert b"--student.layers" in shown.getvalue()


def test_a_closed_pipe_ends_no_work(tmp_path: Path) -> None:
    work = f"[console.note('x' * 99) for _ in range(3000)]; open({str(tmp_path / 'done')!r}, 'w').close(); return {{}}"
    found = shell('$PYTHON -c "$CODE" 2>&1 >/dev/null | head -1; echo ${PIPESTATUS[0]}', work)
    assert (tmp_path / "done").exists()
    assert found.stdout.splitlines() == ["x" * 99, "0"] and found.stderr == ""


def test_a_result_that_nobody_reads_is_no_fault() -> None:
    found = shell('$PYTHON -c "$CODE" | true; echo ${PIPESTATUS[0]}', "time.sleep(0.3); return {'a': 1}")
    assert found.stdout == "0\n" and found.stderr == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_end_a_job_with_a_message_and_their_status(number: signal.Signals, status: int) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("this process ignores the signal (nohup), and so do the jobs that it starts")
    found = shell('$PYTHON -c "$CODE"', f"signal.raise_signal({int(number)}); time.sleep(9)")
    assert found.returncode == status and found.stdout == ""
    assert "the same command goes on from here" in found.stderr and "Traceback" not in found.stderr


def test_a_repeated_signal_does_not_disturb_the_end() -> None:
    lines = ["try:", "    signal.raise_signal(15)", "finally:", "    signal.raise_signal(15); console.note('closed')"]
    found = shell('$PYTHON -c "$CODE"', "\n    ".join(lines))
    assert found.returncode == 143 and "closed" in found.stderr


def test_ray_s_own_answer_to_sigterm_is_taken_for_the_signal(capsys) -> None:
    assert ended(SystemExit(15)) == 143 and "ended by SIGTERM" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        ended(SystemExit(3))


def test_a_result_is_one_line_of_json() -> None:
    answer = io.StringIO()
    assert Ending("job", answer, False).of(lambda: {"a": Path("x"), "exit_status": 4}) == 4
    assert answer.getvalue() == '{"a": "x"}\n'
