r"""Quotes in CSV: ``\"`` is read or its row is rejected, and no row is kept that has lost a character."""

from __future__ import annotations

import pytest
from corpus_helpers import LABELLED, read, rejected

from tmkd.corpus.files.quoted import detect_escape
from tmkd.errors import UserError

HEADER = "question,passage,label\n"
STRAY = "stray quote: the text after it would lose characters (see corpus.escape, corpus.quoting)"
BACKSLASHED = [
    r'q1,"Press \"go\" twice",1',
    r'q2,"\"Start\", it says, \"stop\"",0',
    r'"q \"3\"","a path C:\new\temp and an end \\",1',
    r'q4,"plain, with a comma",0',
]
BACKSLASHED_TEXT = [
    ("q1", 'Press "go" twice', 1),
    ("q2", '"Start", it says, "stop"', 0),
    ('q "3"', "a path C:\\new\\temp and an end \\", 1),
    ("q4", "plain, with a comma", 0),
]


def csv_file(tmp_path, *lines: str, header: str = HEADER):
    path = tmp_path / "pairs.csv"
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("escape", ["auto", "backslash"])
def test_quotes_escaped_by_backslashes_keep_every_character(workspace, tmp_path, escape, capsys):
    path = csv_file(tmp_path, *BACKSLASHED)
    assert read(workspace, path, escape=escape)[1] == BACKSLASHED_TEXT
    assert ("pairs.csv: quotes are escaped by backslashes" in capsys.readouterr().err) == (escape == "auto")


def test_rows_that_are_not_whole_are_rejected_as_they_stand(workspace, tmp_path):
    path = csv_file(tmp_path, r'q1,"Press \"go\" twice",1', 'q2,"says ""hello""",0', 'q3,"ends in \\",1')
    assert read(workspace, path, escape="quote")[1] == [("q2", 'says "hello"', 0), ("q3", "ends in \\", 1)]
    assert rejected(workspace, "one") == [("pairs.csv", 2, STRAY)]
    table = workspace.read_table("rejected/one/train.parquet")
    assert table["content"].to_pylist() == [r'q1,"Press \"go\" twice",1']


def test_a_file_that_is_whole_without_backslashes_is_read_as_it_is(workspace, tmp_path):
    path = csv_file(tmp_path, 'q1,"C:\\",1', 'q2,"a ""b"" c",0', 'q3,5" wide and "x",1')
    assert read(workspace, path)[1] == [("q1", "C:\\", 1), ("q2", 'a "b" c', 0), ("q3", '5" wide and "x"', 1)]


def test_backslashes_are_not_detected_where_they_make_other_rows_wrong():
    lines = [r'a,"b \"c\" d"', r'a,"ends in \"']
    assert detect_escape(iter(enumerate(lines, 1)), ",") == "quote"
    assert detect_escape(iter(enumerate(lines[:1], 1)), ",") == "backslash"


def test_a_stray_quote_costs_its_own_row_and_the_rest_of_its_text(workspace, tmp_path):
    lines = ['q1,"a 5 inch" screen,1', 'q2,"opened', 'q3,"fine",1', 'q4,"two', 'lines",0', "q5,p,1"]
    path = csv_file(tmp_path, *lines)
    assert read(workspace, path)[1] == [("q3", "fine", 1), ("q4", "two\nlines", 0), ("q5", "p", 1)]
    assert [(line, reason) for _, line, reason in rejected(workspace, "one")] == [(2, STRAY), (3, STRAY)]


def test_the_later_lines_of_a_broken_record_are_no_rows(workspace, tmp_path):
    path = csv_file(tmp_path, 'q1,"one', 'two 5" wide', 'three,x,1",1', "q2,p,0")
    assert read(workspace, path)[1] == [("q2", "p", 0)]
    assert [line for _, line, _ in rejected(workspace, "one")] == [2, 3, 4]


def test_a_column_that_is_there_twice_is_refused_where_it_is_wanted(workspace, tmp_path):
    path = csv_file(tmp_path, "q,p,0,x,1", header="question,passage,label,note,label\n")
    with pytest.raises(UserError, match=r"column 'label' \(corpus\.columns\.label\) is there 2 times; expected one"):
        read(workspace, path)
    with pytest.raises(UserError, match="column 'label'"):
        read(workspace, path, {"question": "question"})  # label: auto
    assert read(workspace, path, {**LABELLED, "label": 4})[1] == [("q", "p", 1)]
    path = csv_file(tmp_path, "q,p,0,x,y", header="question,passage,label,note,note\n")
    assert read(workspace, path)[1] == [("q", "p", 0)]


def test_a_tsv_file_whose_fields_look_quoted_is_read_as_it_stands_with_a_warning(workspace, tmp_path, capsys):
    path = tmp_path / "pairs.tsv"
    path.write_text('question\tpassage\tlabel\nq\t"says ""go"""\t1\nr\t"empty" ""\t0\n')
    assert read(workspace, path)[1] == [("q", '"says ""go"""', 1), ("r", '"empty" ""', 0)]
    assert "pairs.tsv: 1 lines have a field in quotes with doubled quotes in it, kept as it" in capsys.readouterr().err
    assert read(workspace, path, quoting=False)[1][0][1] == '"says ""go"""'
    assert "doubled quotes" not in capsys.readouterr().err
    assert read(workspace, path, quoting=True)[1] == [("q", 'says "go"', 1)]
