"""Files as other programs write them: packed, in UTF-16, JSON arrays, ids of many types; and files that are no rows."""

from __future__ import annotations

import bz2
import codecs
import gzip
import json
import lzma
import uuid
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_helpers import LABELLED, read, rejected, rows, write_tsv

from tmkd.corpus.files import json_window, streams
from tmkd.errors import UserError

LINES = ["question\tpassage\tlabel", "qué\tp one\t1", "q two 🙂\tp two\t0"]
ROWS = [("qué", "p one", 1), ("q two 🙂", "p two", 0)]
TEXT = "\n".join(LINES) + "\n"
OBJECTS = [{"question": question, "passage": passage, "label": label} for question, passage, label in ROWS]


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv.gz", gzip.compress(TEXT.encode(), mtime=0)),
        ("a.tsv.bz2", bz2.compress(TEXT.encode())),
        ("a.tsv.xz", lzma.compress(TEXT.encode())),
        ("a.tsv.zst", pa.compress(TEXT.encode(), codec="zstd", asbytes=True)),
        ("a.tsv", gzip.compress(TEXT.encode(), mtime=0)),
        ("a.tsv.gz", TEXT.encode()),
        ("a.tsv", TEXT.encode("utf-16")),
        ("a.tsv", codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be")),
        ("a.tsv", TEXT.encode("utf-32")),
        ("a.tsv.gz", gzip.compress(TEXT.replace("\n", "\r\n").encode("utf-16"), mtime=0)),
        ("a.tsv", TEXT.replace("\n", "\r").encode()),
        ("a.tsv", TEXT.replace("\n", "\r").encode("utf-16")),
        ("a.csv", TEXT.replace("\t", ",").replace("\n", "\r\r\n").encode()),
    ],
)
def test_text_is_read_however_it_is_packed_encoded_and_ended(workspace, tmp_path, name, content, monkeypatch):
    monkeypatch.setattr(streams, "CHUNK_BYTES", 7)
    assert read(workspace, put(tmp_path / name, content))[1] == ROWS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_named_and_read_once_it_is_set(workspace, tmp_path, encoding):
    path = put(tmp_path / "a.tsv", TEXT.encode(encoding))
    with pytest.raises(UserError, match=f"UTF-16 without a byte order mark; set corpus.encoding: {encoding}"):
        read(workspace, path)
    assert read(workspace, path, encoding=encoding)[1] == ROWS
    with pytest.raises(UserError, match="encoding is utf-16, but the file has no byte order mark; set utf-16-le or"):
        read(workspace, path, encoding="utf-16")


def test_half_a_character_of_utf16_costs_its_row(workspace, tmp_path):
    bad = (
        "question\tpassage\tlabel\nq\tp\t1\nr\tp ".encode("utf-16-le")
        + b"\x00\xd8"
        + "\t0\ns\tp\t0".encode("utf-16-le")
    )
    assert read(workspace, put(tmp_path / "a.tsv", bad + b"\n"), encoding="utf-16-le")[1] == [("q", "p", 1)]
    assert [line for _, line, _ in rejected(workspace, "one")] == [3, 4]


@pytest.mark.parametrize("chunk", [3, 1 << 20])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [False, True])
def test_an_array_of_objects_is_read(workspace, tmp_path, monkeypatch, chunk, indent, wrap):
    monkeypatch.setattr(json_window, "CHUNK_BYTES", chunk)
    tree = {"version": 2, "data": OBJECTS} if wrap else OBJECTS
    path = put(tmp_path / "a.json", "\ufeff" + json.dumps(tree, indent=indent, ensure_ascii=False))
    manifest, found = read(workspace, path)
    assert found == ROWS
    assert [row["source_id"] for row in rows(workspace, manifest, "train")] == ["a.json:1", "a.json:2"]


def test_objects_that_go_over_lines_are_read(workspace, tmp_path):
    path = put(tmp_path / "a.jsonl", "\n".join(json.dumps(record, indent=1) for record in OBJECTS))
    assert read(workspace, path)[1] == ROWS


def test_what_is_wrong_in_an_array_costs_a_row_or_names_the_line(workspace, tmp_path):
    bad = ["1", '{"question": "r", "passage": "\\ud800"}', "[]", '{"question": "r", "label": 1, "label": 0}']
    elements = [json.dumps(OBJECTS[0]), *bad, json.dumps(OBJECTS[1])]
    assert read(workspace, put(tmp_path / "a.json", f"[{', '.join(elements)}]"))[1] == ROWS
    assert [(number, reason) for _, number, reason in rejected(workspace, "one")] == [
        (2, "not a JSON object"),
        (3, "text that is not valid UTF-8"),
        (4, "not a JSON object"),
        (5, "JSON object with a key that is there twice"),
    ]
    for content, message in (
        (json.dumps(OBJECTS, indent=1)[:-1], "from line 12 on .expected ',', found 'the end of the file'"),
        (json.dumps(OBJECTS, indent=1)[:60], "from line 2 on"),
        (json.dumps(OBJECTS) + "x", "something follows the end of the array"),
        (json.dumps(OBJECTS, indent=1).replace('"passage"', "passage"), "from line 2 on .Expecting property name"),
    ):
        with pytest.raises(UserError, match=f"not valid JSON {message}" if "from" in message else message):
            read(workspace, put(tmp_path / "b.json", content))


def test_a_broken_first_line_of_json_lines_costs_that_line(workspace, tmp_path):
    path = put(tmp_path / "a.jsonl", "\n".join(['{"question": "x", ', *map(json.dumps, OBJECTS)]))
    assert read(workspace, path)[1] == ROWS
    assert [line for _, line, _ in rejected(workspace, "one")] == [1]


def test_one_object_of_columns_is_refused_with_what_to_do(workspace, tmp_path):
    columns = {"question": {"0": "q"}, "passage": {"0": "p"}, "label": {"0": 1}}
    with pytest.raises(UserError, match=r"a column per key .*orient='records', lines=True"):
        read(workspace, put(tmp_path / "a.json", json.dumps(columns)))
    with pytest.raises(UserError, match=r"no key 'question'.*keys found: columns, data"):
        read(workspace, put(tmp_path / "a.json", json.dumps({"columns": ["question"], "data": [["q"]]})))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 and more", "this is a zip archive or an Excel workbook; .* save the sheet as CSV"),
        (b"\n<!DOCTYPE html><html>", "this is a web page, not data; did the download need a login"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS.*git lfs pull"),
        (b"PAR1\x15\x04", "a Parquet file; set corpus.format: parquet"),
        (gzip.compress(b"x" * 257 + b"ustar" + b"\0" * 100, mtime=0), "a tar archive; unpack it"),
        (gzip.compress(b"", mtime=0), "empty once unpacked"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_files_that_are_something_else_are_named(workspace, tmp_path, content, message, name):
    with pytest.raises(UserError, match=message):
        read(workspace, put(tmp_path / name, content))


KEY = uuid.UUID(int=7)
DIGEST = pa.array([b"\xff" * 16, b"\xfe" * 16], pa.binary(16))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (pa.array([Decimal(10**18 + 1), Decimal(2)], pa.decimal128(38, 0)), [str(10**18 + 1), "2"]),
        (pa.array([Decimal("1.50"), Decimal(2)], pa.decimal128(9, 2)), ["1.5", "2"]),
        (pa.array([KEY.bytes, bytes(16)], pa.uuid()), [str(KEY), str(uuid.UUID(int=0))]),
        (DIGEST, ["ff" * 16, "fe" * 16]),
        (pa.array([b"a", b"b"], pa.binary()), ["a", "b"]),
        (pa.array([b"a", b"b"], pa.binary_view()), ["a", "b"]),
        (pa.array(["a", "b"], pa.string_view()), ["a", "b"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array([1, 2], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00.000000002"]),
        (pa.array([0, 1], pa.date32()), ["1970-01-01", "1970-01-02"]),
        (pa.array([1, 2], pa.int64()), ["1", "2"]),
    ],
)
def test_keys_of_parquet_files_of_any_type(workspace, tmp_path, keys, expected):
    labels = pa.array([Decimal(1), Decimal(0)], pa.decimal128(38, 0))
    table = pa.table({"question": ["q", "r"], "passage": ["p", "p"], "label": labels, "key": keys})
    pq.write_table(table, tmp_path / "a.parquet")
    columns = {**LABELLED, "question_id": "key", "source_id": "key"}
    manifest, found = read(workspace, tmp_path / "a.parquet", columns)
    assert found == [("q", "p", 1), ("r", "p", 0)]
    written = rows(workspace, manifest, "train")
    assert [row["source_id"] for row in written] == [row["question_id"] for row in written] == expected


def test_hidden_files_are_passed_over_and_patterns_reach_into_folders(workspace, tmp_path):
    for name in ("one/train.tsv", "two/train.tsv"):
        put(tmp_path / name, f"question\tpassage\tlabel\nq of {name[:3]}\tp\t1\n")
    for name in ("one/._train.tsv", "one/.x.tsv", "one/_SUCCESS.tsv", "_old/train.tsv", ".old/train.tsv"):
        put(tmp_path / name, b"\x00\x05\x16\x07 nothing to read")
    both = [("q of one", "p", 1), ("q of two", "p", 1)]
    for path, expected in (("one", both[:1]), ("one/*.tsv", both[:1]), ("*/train.tsv", both), ("**/*.tsv", both),
                           ("[ot]*", both)):  # fmt: skip
        assert read(workspace, tmp_path / path)[1] == expected, path
    with pytest.raises(UserError, match="a file of attributes that macOS writes beside others"):
        read(workspace, tmp_path / "one/._*")
    with pytest.raises(
        UserError, match=r"holds no file ending in .*its folders \(one, two, workspace\) are read by a pattern"
    ):
        read(workspace, tmp_path)


def test_mined_passages_come_from_all_files_of_a_folder(workspace, tmp_path):
    train = write_tsv(tmp_path / "train.tsv", ["question\tpassage", "green apple\tgreen apple here"])
    for name in ("a", "b"):
        put(tmp_path / f"passages/{name}.tsv", f"passage\na green apple of {name}\n")
    mining = {"enabled": True, "passages": str(tmp_path / "passages")}
    _, found = read(workspace, train, {"question": "question"}, mining=mining)
    assert {passage for _, passage, _ in found} == {"green apple here", "a green apple of a", "a green apple of b"}
