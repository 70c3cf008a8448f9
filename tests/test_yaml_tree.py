"""Values as they were written: text fields get the text, number fields numbers, and YAML that would harm is refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from tmkd.config import Config, apply_overrides, parse, read_yaml
from tmkd.errors import UserError


class Inner(Config):
    """A group."""

    model: str = "m"
    size: int = 1


class Every(Config):
    """A field of every type that recipes have."""

    name: str = "n"
    note: str | None = "default"
    column: str | int = "c"
    label: str | int | None = "auto"
    count: int = 1
    rate: float = 0.5
    limit: int | None = 3
    many: Literal["auto"] | int = "auto"
    header: bool = True
    near: Literal["auto"] | bool = "auto"
    stage: Literal[0, 1, 2, 3] = 0
    words: list[str] = Field([])
    files: str | list[str] | None = None
    window: tuple[int, int] = (1, 2)
    weights: dict[str, list[float]] = Field({})
    marks: dict[str, str] = Field({})
    inner: Inner = Inner()
    entries: dict[str, Inner] = Field({})


def given(key: str, text: str) -> Any:
    """Return the value of a field after ``--key text``."""
    found: Any = parse(Every, apply_overrides({}, {key: text}, Every), "r")
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    return found


def written(tmp_path: Path, text: str | bytes) -> Every:
    path = tmp_path / "r.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return parse(Every, read_yaml(path, Every), "r")


TEXTS = [
    "#label", "my file #2.tsv", "2024_01_02", "1:30", "007", "010", "0x10", "1e3", "|", ">", "-", "?", " a: b",
    "a: b", "no", "off", "true", "[^:]*: (.*)", "{a", "*x", "&x", "!x", "%x", "@x", "`x`", "'a' or 'b'", '"', "'a' ",
    " ", "\t", ".5", "1_000", "~x", "2024-99-99", "<<", "=", "---", "a\nb", "é #1",
]  # fmt: skip


@pytest.mark.parametrize("text", [*TEXTS, "20240102", "null", "~"])
def test_a_text_field_gets_the_text_that_was_typed(text: str) -> None:
    assert given("name", text) == text
    assert given("inner.model", text) == text and given("entries.one.model", text) == text


@pytest.mark.parametrize("text", TEXTS)
def test_so_do_fields_that_may_hold_text_or_something_else(text: str) -> None:
    assert given("note", text) == text and given("column", text) == text
    assert given("label", text) == text and given("files", text) == text


def test_null_is_none_where_a_field_can_be_none_and_a_word_in_quotes_is_a_word() -> None:
    for key in ("note", "label", "files", "limit"):
        assert given(key, "null") is None and given(key, "~") is None
    assert given("note", '"null"') == "null" and given("name", "'#1'") == "#1"
    assert given("name", '"a\\tb"') == "a\tb" and given("name", "'it''s'") == "it's"


def test_a_column_is_a_position_where_a_position_is_typed() -> None:
    assert given("column", "0") == 0 and given("label", "12") == 12
    assert given("column", '"0"') == "0" and given("column", "007") == "007"


def test_number_fields_get_numbers() -> None:
    assert given("count", "010") == 10 and given("count", " 7 ") == 7 and given("rate", "1e-3") == 1e-3
    assert given("many", "8") == 8 and given("many", "auto") == "auto" and given("stage", "2") == 2
    assert given("header", "no") is False and given("near", "true") is True and given("near", "auto") == "auto"


def test_lists_and_mappings_are_yaml_whose_texts_stay_as_written() -> None:
    assert given("words", "[no, 010, 1.0, null, a b, 'x, y']") == ["no", "010", "1.0", "null", "a b", "x, y"]
    assert given("files", "[a.tsv, 'b #1.tsv']") == ["a.tsv", "b #1.tsv"] and given("files", "[ab]*.tsv") == "[ab]*.tsv"
    assert given("window", "[3, 10]") == (3, 10) and given("weights", "{a: [1, 2]}") == {"a": [1.0, 2.0]}
    assert given("marks", "{zone: 010, 007: on}") == {"zone": "010", "007": "on"}
    assert given("entries", "{1: {model: 2}}") == {"1": Inner(model="2")}


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("words", "[a", r"--words: '\[a' is not valid YAML: line 1"),
        ("inner", "{a: {b", "--inner: .* is not valid YAML"),
        ("label", "", "--label: the value is empty; null stands for none"),
        ("count", "true", "count: true is a boolean, which this field does not take"),
        ("count", "1:30", "count: Input should be a valid integer"),
        ("stage", "true", "stage: true is a boolean"),
        ("weights", "{a: [true]}", "weights: true is a boolean"),
        ("count", "1" * 5000, "count: Input should be a finite number"),
        ("name", "x" * 5000, "name: .* has 5,000 characters, but at most 4,096"),
        ("name", "caf\udce9", "name: .* is not valid Unicode"),
        ("name", '"a\\0b"', "name: .* holds a NUL character"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_its_key(key: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        given(key, text)


def test_a_boolean_in_a_tree_is_no_text() -> None:
    with pytest.raises(UserError, match=r"name: true is a boolean, .* in quotes it is a text"):
        parse(Every, {"name": True}, "r")


def test_files_are_yaml_1_2_and_their_texts_stay_as_written(tmp_path: Path) -> None:
    found = written(tmp_path, "name: 2024_01_02\nnote: 010\nlabel: no\ncount: 010\nrate: 1e-3\nheader: off\n")
    assert (found.name, found.note, found.label, found.count) == ("2024_01_02", "010", "no", 10)
    assert found.rate == 1e-3 and found.header is False
    assert written(tmp_path, "name: 2024-99-99\nnote:\ncolumn: 3\nlabel: '3'\n").note is None
    assert written(tmp_path, "name: !!str 7\ncount: !!int 7\n").name == "7"
    assert written(tmp_path, "%YAML 1.1\n---\nname: 1:30\n").name == "1:30"


def test_merged_mappings_are_read_and_their_own_keys_win(tmp_path: Path) -> None:
    found = written(tmp_path, "entries:\n  a: &a {model: 010, size: 2}\n  b: {<<: *a, size: 3}\n  c: {<<: [*a]}\n")
    assert found.entries["b"] == Inner(model="010", size=3) and found.entries["c"] == found.entries["a"]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, codec: str) -> None:
    assert written(tmp_path, "name: Größe\n".encode(codec)).name == "Größe"


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "line .*more than 20,000 values, aliases included"),
        ("name: " + "[" * 100_000, "line 1: nested more than 50 deep"),
        ("name: " + "[" * 60 + "]" * 60, "line 1: nested more than 50 deep"),
        ("name: " + "[a, " * 50_000, "line 1: nested more than 50 deep"),
        ("".join(f"{' ' * i}a:\n" for i in range(500)), "line 5.: nested more than 50 deep"),
        ("name: &a [*a]", r"line 1: \*a is inside of what it names"),
        ("name: *a", "line 1, column 7: .*undefined alias"),
        ("count: !!int x", "line 1: 'x' is no !!int"),
        ("name: !!python/object:os.system x", "line 1: the tag .* has no place in a recipe"),
        ("inner: !foo {a: 1}", "line 1: the tag '!foo' has no place"),
        ("name: a\n\tcount: 1", "line 2, column 1: .*cannot start any token"),
        ("name: a\ncount: \0", r"line 2: the character U\+0000 has no place in text"),
        ("name: \"\\UFFFFFFFF\"", "not valid YAML: OverflowError"),
        ("? [a]\n: 1", "line 1: a list or mapping cannot be a key"),
        ("a: 1\n---\nb: 1", "another document"),
        ("", "expected a mapping of keys to values, found nothing"),
        ("name: x #" + "y" * 1_000_001, "larger than 1,000,000 bytes"),
        (b"name: a\nnote: caf\xe9", r"cannot be read: line 2: not UTF-8 .*save the file as UTF-8"),
        ("name: a".encode("utf-16")[2:], r"line 1: the character U\+0000"),
    ],
)  # fmt: skip
def test_yaml_that_cannot_be_read_is_refused_at_once_with_its_line(tmp_path: Path, text: Any, message: str) -> None:
    started = time.process_time()
    with pytest.raises(UserError, match=rf"(?s)r\.yaml: .*{message}") as caught:
        written(tmp_path, text)
    assert len(str(caught.value)) < 2000 and time.process_time() - started < 3


def test_hundreds_of_faults_are_counted_and_the_message_stays_short(tmp_path: Path) -> None:
    lines = "".join(f"{'k' * 300}{index}: {'v' * 300}\n" for index in range(300))
    with pytest.raises(UserError, match=r"r: 300 fault\(s\)(?s:.*)… and 29\d more$") as caught:
        written(tmp_path, lines)
    assert len(str(caught.value)) < 2000
