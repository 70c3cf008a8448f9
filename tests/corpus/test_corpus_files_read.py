"""Every reader, and every reason for which a row or a whole source is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_helpers import LABELLED, read, rejected, rows, write_tsv

from tmkd.errors import UserError

HEADER = "question\tpassage\tlabel"


def table_file(tmp_path: Path, columns: dict) -> Path:
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_tsv_with_byte_order_mark_and_quotes_that_mean_nothing(workspace, tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + f'{HEADER}\r\nq one\ta "quote\t1\r\nq two\tb\t0\r\n'.encode())
    assert read(workspace, path)[1] == [("q one", 'a "quote', 1), ("q two", "b", 0)]


def test_gzip_without_header_by_position(workspace, tmp_path):
    path = tmp_path / "pairs.txt.gz"
    path.write_bytes(gzip.compress(b"q\tp\t1\nq\tp2\t0\n"))
    columns = {"question": 0, "passage": 1, "label": 2}
    assert read(workspace, path, columns, header=False)[1] == [("q", "p", 1), ("q", "p2", 0)]


def test_csv_with_quoted_delimiters_and_line_ends(workspace, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text('question,passage,label\n"a, b","one\ntwo",1\nc,d,0\n')
    assert read(workspace, path)[1] == [("a, b", "one\ntwo", 1), ("c", "d", 0)]


def test_blank_lines_stay_inside_quotes_and_are_passed_over_outside(workspace, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes(b'question,passage,label\r\n\r\na,"one\r\n\r\n\r\ntwo",1\r\n\r\nb,p\r\nc,p,0\r\n\r\n')
    assert read(workspace, path)[1] == [("a", "one\n\n\ntwo", 1), ("c", "p", 0)]
    assert rejected(workspace, "one") == [("pairs.csv", 8, "wrong number of fields")]


@pytest.mark.parametrize(
    ("record", "position", "opened"),
    [
        ('q2,"5 inch screen\nq3,p3\n\nq4,p4', 3, "3 is never closed, and the 3 lines after it, up to the end,"),
        ('q2,"5 inch screen\nq3,p3', 3, "3 is never closed, and the 1 line after it, up to the end,"),
        ('q2,"5 inch screen', 3, "3 is never closed"),
        ('"q2\nmore","5 inch\nq3,p3', 3, "4 is never closed, and the 1 line after it, up to the end,"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_quote_that_is_never_closed_costs_one_row_that_says_so(workspace, tmp_path, record, position, opened, end):
    path = tmp_path / "pairs.csv"
    path.write_text(f"question,passage\nq1,p1\n{record}{end}")
    manifest, found = read(workspace, path, {"question": "question"})
    assert [question for question, _, _ in found] == ["q1"]
    ((_, line, reason),) = rejected(workspace, "one")
    assert line == position and reason.startswith(f"unfinished: the quote that opened in line {opened}")
    assert (manifest.counts["read"], manifest.counts["kept"]) == (2, 1)


def test_a_first_line_with_a_quote_that_is_never_closed_stops(workspace, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text('question,"passage\nq,p\n')
    with pytest.raises(UserError, match=r"is unfinished: the quote that opened in line 1 .*see .*corpus\.quoting"):
        read(workspace, path)


def test_json_lines(workspace, tmp_path):
    path = tmp_path / "pairs.jsonl"
    records = [{"question": "q", "passage": "p", "label": "relevant"}, {"question": 7, "passage": "p2", "label": 0}]
    path.write_text("\n".join(map(json.dumps, records)))
    assert read(workspace, path)[1] == [("q", "p", 1), ("7", "p2", 0)]


@pytest.mark.parametrize("labelled", [True, False])
def test_json_lines_have_a_label_by_default_where_there_is_one(workspace, tmp_path, labelled):
    path = tmp_path / "pairs.jsonl"
    records = [{"question": f"q {n}", "passage": "p", **({"label": n} if labelled else {})} for n in (0, 1)]
    path.write_text("\n".join(map(json.dumps, records)))
    manifest, found = read(workspace, path, {"question": "question"})
    assert found == [("q 0", "p", 0 if labelled else None), ("q 1", "p", 1 if labelled else None)]
    assert manifest.has_labels("train") == labelled


def test_parquet_with_dictionaries(workspace, tmp_path):
    columns = {"question": pa.array(["q", "q"]).dictionary_encode(), "passage": ["p", "p2"], "label": [1.0, 0.0]}
    assert read(workspace, table_file(tmp_path, columns))[1] == [("q", "p", 1), ("q", "p2", 0)]


def test_other_encodings_delimiters_and_extensions(workspace, tmp_path):
    path = tmp_path / "pairs.data"
    path.write_bytes("question;passage;label\nété;où;1\n".encode("latin-1"))
    found = read(workspace, path, format="tsv", delimiter=";", encoding="latin-1")[1]
    assert found == [("été", "où", 1)]


def test_a_folder_and_a_pattern_stand_for_their_files(workspace, tmp_path):
    for name in ("b.tsv", "a.tsv"):
        write_tsv(tmp_path / name, [HEADER, f"q {name}\tp\t1"])
    expected = [("q a.tsv", "p", 1), ("q b.tsv", "p", 1)]
    assert read(workspace, tmp_path)[1] == expected
    assert read(workspace, tmp_path / "*.tsv")[1] == expected


def test_max_rows_counts_over_the_files_of_a_split(workspace, tmp_path):
    for name in ("a.tsv", "b.tsv"):
        write_tsv(tmp_path / name, [HEADER, *(f"q{name}{number}\tp\t1" for number in range(5))])
    assert read(workspace, tmp_path, max_rows=7)[0].counts["read"] == 7


@pytest.mark.parametrize("text", ["relevant", "1", "1.0", " 1 "])
def test_labels_are_names_or_indices(workspace, tmp_path, text):
    path = write_tsv(tmp_path / "pairs.tsv", [HEADER, f"q\tp\t{text}"])
    assert read(workspace, path)[1] == [("q", "p", 1)]


@pytest.mark.parametrize(("classes", "found"), [(["1", "2"], [0, 1, None]), (["2", "1"], [1, 0, None])])
def test_numbers_as_class_names_are_names_also_with_a_decimal_point(workspace, tmp_path, classes, found):
    columns = {"question": ["q", "r", "s"], "passage": ["p"] * 3, "label": [1.0, 2.0, -1.0]}
    manifest, rows_found = read(workspace, table_file(tmp_path, columns), classes=classes, no_label=["-1"])
    assert manifest.counts["rejected"] == {} and manifest.rows("unlabeled") == 3
    assert [label for _, _, label in rows_found] == found[:2]


@pytest.mark.parametrize("header", [True, False])
def test_a_first_line_that_cannot_be_decoded_stops_where_it_names_the_columns(workspace, tmp_path, header):
    path = tmp_path / "pairs.tsv"
    path.write_bytes("Größe\tpassage\tlabel\n".encode("latin-1") + b"q\tp\t1\nr\tp\t0\n")
    columns = {"question": 0, "passage": 1, "label": 2}
    if header:
        with pytest.raises(UserError, match="its first line, which names the columns, is text that is not valid"):
            read(workspace, path, columns)
    else:
        assert len(read(workspace, path, columns, header=False)[1]) == 2
        assert len(rejected(workspace, "one")) == 1


def test_values_that_mean_not_judged_make_unlabeled_rows(workspace, tmp_path):
    path = write_tsv(tmp_path / "pairs.tsv", [HEADER, "q\ta\t-", "q\tb\t", "q\tc\t1"])
    manifest, found = read(workspace, path, no_label=["-"])
    assert found == [("q", "c", 1)]
    assert [row["passage"] for row in rows(workspace, manifest, "unlabeled")] == ["a", "b", "c"]


def test_grades_alone_make_labels(workspace, tmp_path):
    path = write_tsv(tmp_path / "pairs.tsv", ["q\tp\tg", "a\tb\t3", "a\tc\t0", "a\td\tmany", "a\te\t"])
    manifest, found = read(workspace, path, {"question": "q", "passage": "p", "grade": "g"})
    assert found == [("a", "b", 1), ("a", "c", 0)]
    assert [row["grade"] for row in rows(workspace, manifest, "train")] == [3.0, 0.0]
    assert rejected(workspace, "one") == [("pairs.tsv", 4, "grade that is not a finite number")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"q\t\t1", "empty passage"),
        (b" \tp\t1", "empty question"),
        (b"q\tp\t7", "label outside the classes"),
        (b"q\tp\tmaybe", "label outside the classes"),
        (b"q\tp\t0.5", "label outside the classes"),
        (b"q\tp", "wrong number of fields"),
        (b"q\tp\t1\textra", "wrong number of fields"),
        (b"q\xff\tp\t1", "text that is not valid UTF-8"),
    ],
)
@pytest.mark.parametrize("extension", ["tsv", "csv"])
def test_bad_lines_are_rejected_and_the_rest_goes_on(workspace, tmp_path, line, reason, extension):
    path = tmp_path / f"pairs.{extension}"
    lines = [HEADER.encode(), b"good\tp\t1", line, b"also good\tp\t0", b""]
    path.write_bytes(b"\n".join(lines).replace(b"\t", b"\t" if extension == "tsv" else b","))
    manifest, found = read(workspace, path)
    assert [question for question, _, _ in found] == ["good", "also good"]
    assert rejected(workspace, "one") == [(path.name, 3, reason)]
    assert manifest.counts["rejected"] == {reason: 1}
    assert (manifest.counts["read"], manifest.counts["kept"]) == (3, 2)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"question": null, "passage": "p", "label": 1}', "null question"),
        ('{"question": "q", "label": 1}', "null passage"),
        ('{"question": ["q"], "passage": "p", "label": 1}', "question that is not text"),
        ('{"question": "q", "passage": "p", "label": [1]}', "label outside the classes"),
        ('{"question": "q", "passage": "\\ud800", "label": 1}', "text that is not valid UTF-8"),
        ("{oops", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
    ],
)
def test_bad_json_lines_are_rejected(workspace, tmp_path, line, reason):
    good = '{"question": "good", "passage": "p", "label": 1}'
    path = write_tsv(tmp_path / "pairs.jsonl", [good, line])
    assert read(workspace, path)[1] == [("good", "p", 1)]
    assert rejected(workspace, "one") == [("pairs.jsonl", 2, reason)]


def test_bad_parquet_cells_are_rejected(workspace, tmp_path):
    questions = pa.array([b"good", None, b"bad \xff"], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 3, questions.buffers())
    path = table_file(tmp_path, {"question": broken, "passage": ["p", "p", "p"], "label": [1, 1, 1]})
    assert read(workspace, path)[1] == [("good", "p", 1)]
    assert {reason for _, _, reason in rejected(workspace, "one")} == {"text that is not valid UTF-8", "null question"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
@pytest.mark.parametrize("role", ["question", "passage", "question_id", "source_id"])
def test_a_number_that_is_not_finite_is_null(workspace, tmp_path, role, number):
    good = {"question": "q", "passage": "p", "label": 1, "question_id": 7.5, "source_id": 1}
    bad = json.dumps({**good, "source_id": 2, role: "?"}).replace('"?"', number)
    path = write_tsv(tmp_path / "pairs.jsonl", [json.dumps(good), bad])
    assert read(workspace, path, {name: name for name in good})[1] == [("q", "p", 1)]
    assert rejected(workspace, "one") == [("pairs.jsonl", 2, f"null {role}")]


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["a/p.tsv", "b/q.tsv"], ["p.tsv", "q.tsv"]),
        (["a/p.tsv", "b/p.tsv", "b/q.tsv"], ["a/p.tsv", "b/p.tsv", "q.tsv"]),
        (["a/x/p.tsv", "b/x/p.tsv", "p.tsv"], ["a/x/p.tsv", "b/x/p.tsv", "{here}/p.tsv"]),
        (["a/p.tsv", "a/p.tsv"], ["p.tsv", "p.tsv~2"]),
    ],
)
def test_rows_without_a_key_are_called_after_what_tells_their_files_apart(workspace, tmp_path, places, names):
    for place in places:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write_tsv(tmp_path / place, [HEADER, "q\tp\t1", "q\t\t1"])
    paths = {"train": [str(tmp_path / place) for place in places]}
    manifest, _ = read(workspace, "", paths=paths)
    names = [name.format(here=tmp_path.name) for name in names]
    assert [row["source_id"] for row in rows(workspace, manifest, "train")] == [f"{name}:2" for name in names]
    assert rejected(workspace, "one") == [(name, 3, "empty passage") for name in names]


def test_a_second_row_with_the_same_key_is_rejected(workspace, tmp_path):
    path = write_tsv(tmp_path / "pairs.tsv", ["key\t" + HEADER, "k1\tq\tp\t1", "k1\tq\tp2\t0", "k2\tq\tp3\t0"])
    _, found = read(workspace, path, {**LABELLED, "source_id": "key"})
    assert [passage for _, passage, _ in found] == ["p", "p3"]
    assert rejected(workspace, "one") == [("pairs.tsv", 3, "duplicate key")]


def test_missing_column_names_the_file_the_nearest_and_all(workspace, tmp_path):
    path = write_tsv(tmp_path / "pairs.tsv", ["questions\tpassage\tlabel", "q\tp\t1"])
    with pytest.raises(UserError, match=r"pairs\.tsv: no column 'question' .*did you mean 'questions'.*passage, label"):
        read(workspace, path)


def test_missing_position_and_missing_key(workspace, tmp_path):
    path = write_tsv(tmp_path / "pairs.tsv", ["q\tp"])
    with pytest.raises(UserError, match="position 5, but there are 2 columns"):
        read(workspace, path, {"question": 0, "passage": 5}, header=False)
    path = write_tsv(tmp_path / "pairs.jsonl", ['{"query": "q", "passage": "p", "label": 1}'])
    with pytest.raises(UserError, match=r"no key 'question'.*keys found: query, passage, label"):
        read(workspace, path)


def test_missing_parquet_column(workspace, tmp_path):
    with pytest.raises(UserError, match="no column 'passage'"):
        read(workspace, table_file(tmp_path, {"question": ["q"], "label": [1]}))


def test_a_parquet_column_that_is_there_twice(workspace, tmp_path):
    path, columns = tmp_path / "pairs.parquet", {"question": "question"}
    table = pa.Table.from_arrays([pa.array(["text"])] * 4, ["question", "passage", "note", "note"])
    pq.write_table(table, path)
    assert read(workspace, path, columns)[1] == [("text", "text", None)]
    pq.write_table(table.rename_columns(["question", "passage", "note", "passage"]), path)
    with pytest.raises(
        UserError, match=r"pairs\.parquet: column 'passage' .corpus\.columns\.passage. is there 2 times"
    ):
        read(workspace, path, columns)


def test_truncated_parquet(workspace, tmp_path):
    path = table_file(tmp_path, {"question": ["q"] * 100, "passage": ["p"] * 100, "label": [1] * 100})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"pairs\.parquet: not a whole Parquet file"):
        read(workspace, path)


def test_text_called_parquet_and_truncated_gzip(workspace, tmp_path):
    with pytest.raises(UserError, match="not a whole Parquet file"):
        read(workspace, write_tsv(tmp_path / "pairs.parquet", [HEADER]))
    packed = tmp_path / "pairs.tsv.gz"
    packed.write_bytes(gzip.compress((HEADER + "\n" + "q\tp\t1\n" * 5000).encode())[:-30])
    with pytest.raises(UserError, match="cannot be read to its end"):
        read(workspace, packed)


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), (HEADER, "holds no rows"), (f"{HEADER}\nq\tp\t9", "label outside")]
)
def test_a_file_without_any_usable_row(workspace, tmp_path, text, message):
    path = tmp_path / "pairs.tsv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read(workspace, path)


def test_missing_file_and_unknown_extension(workspace, tmp_path):
    (tmp_path / "other.tsv").write_text(HEADER)
    with pytest.raises(UserError, match=r"no file .*none\.tsv.*in that folder: other\.tsv"):
        read(workspace, tmp_path / "none.tsv")
    (tmp_path / "pairs.xlsx").write_text(HEADER)
    with pytest.raises(UserError, match=r"unknown extension '\.xlsx'"):
        read(workspace, tmp_path / "pairs.xlsx")
