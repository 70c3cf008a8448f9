"""Span corpora: SQuAD files and rows with answers, checked answer by answer, without a context in two splits."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_helpers import build, config_of, published_data, rejected, rows

from tmkd.corpus.build import made_from
from tmkd.corpus.schema import SPAN_SCHEMA
from tmkd.errors import UserError
from tmkd.workspace import Workspace, corpus_folder

CONTEXT = "  The Denver Broncos won. Die Straße é in Zürich \U0001f600 was closed.\n"
HF_COLUMNS = {"passage": "context", "answers": "answers", "source_id": "id", "group": "title"}


def question(key: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    answers = {} if text is None else {"answers": [{"text": text, "answer_start": CONTEXT.index(text)}]}
    return {"id": key, "question": f"what about {key}?", **answers, **more}


def squad(path: Path, questions: list[Any], version: str = "1.1", context: Any = CONTEXT) -> str:
    tree = {"version": version, "data": [{"title": "T", "paragraphs": [{"context": context, "qas": questions}]}]}
    text = json.dumps(tree)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def spans(workspace: Workspace, **tree: Any):
    return build(workspace, **{"name": "s", "task": "span", "split": {"validation": 0, "test": 0}, **tree})


@pytest.mark.parametrize("name", ["all.json", "all.json.gz"])
def test_a_squad_file_keeps_its_contexts_and_every_answer_is_at_its_offset(workspace, tmp_path, name) -> None:
    path = squad(tmp_path / name, [question("a", "Denver Broncos"), question("b", "Zürich \U0001f600")])
    manifest = spans(workspace, paths={"train": path})
    assert manifest.task == "span" and manifest.classes == [] and manifest.has_labels("train")
    found = rows(workspace, manifest, "train")
    assert [row["source_id"] for row in found] == ["a", "b"]
    for row in found:
        assert row["context"] == CONTEXT and row["group_id"] == "T"
        for answer in row["answers"]:
            assert row["context"][answer["start"] :].startswith(answer["text"])
    shard = workspace.read_table(f"{corpus_folder('s', 'train')}/{manifest.shards('train')[0]}")
    assert shard.schema.remove_metadata() == SPAN_SCHEMA


def test_rows_of_hugging_face_data_sets_give_the_same_corpus(workspace, tmp_path) -> None:
    questions = [question("a", "Denver Broncos"), question("b", "won"), question("c")]
    official = spans(
        workspace,
        paths={"train": squad(tmp_path / "t.json", [*questions[:2], {**questions[2], "answers": []}], "v2.0")},
    )
    records = [
        {
            "id": q["id"], "title": "T", "context": CONTEXT, "question": q["question"],
            "answers": {key: [a[key] for a in q.get("answers", [])] for key in ("text", "answer_start")},
        }
        for q in questions
    ]  # fmt: skip
    lines = tmp_path / "t.jsonl"
    lines.write_text("\n".join(json.dumps(record) for record in records))
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "t.parquet")
    for path in (lines, tmp_path / "t.parquet"):
        manifest = spans(workspace, paths={"train": str(path)}, columns=HF_COLUMNS)
        assert manifest.splits == official.splits


def test_what_cannot_be_used_is_rejected_with_its_reason(workspace, tmp_path) -> None:
    questions = [
        question("good", "won"),
        question("moved", answers=[{"text": "won", "answer_start": 0}]),
        question("before", answers=[{"text": "won", "answer_start": -3}]),
        question("blank", answers=[{"text": " ", "answer_start": 0}]),
        question("odd", answers=[{"text": "won"}]),
        question("none", answers=[]),
        question("impossible", is_impossible=True),
        question("good", "won"),
        {**question("mute", "won"), "question": " "},
        "no question at all",
    ]
    manifest = spans(workspace, paths={"train": squad(tmp_path / "t.json", questions)})
    assert [row["source_id"] for row in rows(workspace, manifest, "train")] == ["good"]
    assert [(position, reason) for _, position, reason in rejected(workspace, "s")] == [
        (2, "answer that is not at its offset"),
        (3, "answer that is not at its offset"),
        (4, "answer without text"),
        (5, "answers that are no list of texts and offsets"),
        (6, "question without an answer, which SQuAD 1.1 does not have"),
        (7, "question without an answer, which SQuAD 1.1 does not have"),
        (8, "duplicate key"),
        (9, "empty question"),
        (10, "question that is not as SQuAD has it"),
    ]
    assert manifest.counts["read"] == 10 and manifest.counts["kept"] == 1


@pytest.mark.parametrize(
    ("context", "reason"), [("", "empty context"), (" \n", "empty context"), (None, "null context")]
)
def test_a_context_without_text_is_rejected(workspace, tmp_path, context, reason) -> None:
    with pytest.raises(UserError, match=f"none of the 1 rows can be used: 1 {reason}"):
        spans(workspace, paths={"train": squad(tmp_path / "t.json", [question("a", "won")], context=context)})
    assert [found for _, _, found in rejected(workspace, "s")] == [reason]


def test_squad_2_has_questions_without_an_answer_and_says_so(workspace, tmp_path) -> None:
    questions = [
        question("a", "won", is_impossible=False),
        question("b", is_impossible=True, plausible_answers=[{"text": "won", "answer_start": 21}]),
        question("c", answers=[], is_impossible=False),
    ]
    manifest = spans(workspace, paths={"train": squad(tmp_path / "t.json", questions, "v2.0")})
    found = {row["source_id"]: row["answers"] for row in rows(workspace, manifest, "train")}
    assert found["b"] == [] and [a["text"] for a in found["a"]] == ["won"] and manifest.labelled("train") == 2
    assert rejected(workspace, "s") == [("t.json", 3, "question without an answer that is not said to be impossible")]


@pytest.mark.parametrize("said", ["false", " FALSE ", "true", "True"])
def test_squad_2_may_say_in_words_what_is_impossible(workspace, tmp_path, said) -> None:
    questions = [question("a", "won", is_impossible=said)]
    manifest = spans(workspace, paths={"train": squad(tmp_path / "t.json", questions, "v2.0")})
    (found,) = rows(workspace, manifest, "train")
    assert [answer["text"] for answer in found["answers"]] == ([] if "true" in said.lower() else ["won"])


@pytest.mark.parametrize("said", ["no", "", 2, ["false"]])
def test_squad_2_that_says_neither_is_rejected_with_the_value(workspace, tmp_path, said) -> None:
    questions = [question("a", "won"), question("b", "won", is_impossible=said)]
    spans(workspace, paths={"train": squad(tmp_path / "t.json", questions, "v2.0")})
    assert rejected(workspace, "s") == [("t.json", 2, f"is_impossible that is neither true nor false: {said!r}")]


@pytest.mark.parametrize("title", ["", " ", None, float("nan")])
def test_articles_without_a_title_are_grouped_by_their_contexts(workspace, tmp_path, title) -> None:
    path = tmp_path / "t.json"
    articles = [
        {"title": title, "paragraphs": [{"context": f"{CONTEXT}{key}", "qas": [question(key, "won")]}]} for key in "ab"
    ]
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    manifest = spans(workspace, paths={"train": str(path)})
    assert len({row["group_id"] for row in rows(workspace, manifest, "train")}) == 2


def test_answers_that_are_not_valid_text_are_rejected(workspace, tmp_path) -> None:
    text = pa.Array.from_buffers(pa.string(), 2, pa.array([b"won", b"caf\xff"]).buffers())
    lists = [pa.ListArray.from_arrays([0, 1, 2], values) for values in (text, pa.array([21, 21]))]
    pairs = pa.StructArray.from_arrays([text, pa.array([21, 21])], ["text", "answer_start"])
    as_hub = pa.StructArray.from_arrays(lists, ["text", "answer_start"])
    for answers in (as_hub, pa.ListArray.from_arrays([0, 1, 2], pairs)):
        pq.write_table(
            pa.table({"question": ["q", "r"], "context": [CONTEXT] * 2, "answers": answers}), tmp_path / "t.parquet"
        )
        columns = {"passage": "context", "answers": "answers"}
        manifest = spans(workspace, paths={"train": str(tmp_path / "t.parquet")}, columns=columns)
        assert [row["question"] for row in rows(workspace, manifest, "train")] == ["q"]
        assert rejected(workspace, "s") == [("t.parquet", 2, "text that is not valid UTF-8")]


def test_what_holds_no_questions_is_told_and_what_has_none_is_not(workspace, tmp_path) -> None:
    good = {"context": CONTEXT, "qas": [question("a", "won")]}
    paragraphs = [good, {"context": CONTEXT, "qas": []}, {"context": CONTEXT}, "no paragraph"]
    articles = [{"title": "T", "paragraphs": paragraphs}, {"title": "U"}, {"title": "V", "paragraphs": []}]
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    manifest = spans(workspace, paths={"train": str(path)})
    assert manifest.rows("train") == 1
    assert manifest.counts["rejected"] == {"question that is not as SQuAD has it": 3}


def test_unlabeled_questions_need_no_answers_and_unjudged_ones_are_unlabeled(workspace, tmp_path) -> None:
    moved = question("u3", answers=[{"text": "moved", "answer_start": 0}])
    paths = {
        "unlabeled": squad(
            tmp_path / "u.json", [question("u1"), question("u2", answers=[]), moved], context=CONTEXT + "1"
        ),
        "train": squad(tmp_path / "t.json", [question("a", "won"), question("b")]),
    }
    manifest = spans(workspace, paths=paths)
    assert [row["source_id"] for row in rows(workspace, manifest, "unlabeled")] == ["u1", "u2", "u3", "b"]
    assert [row["source_id"] for row in rows(workspace, manifest, "train")] == ["a"]


def test_no_article_lies_in_two_carved_splits_and_no_held_out_context_elsewhere(workspace, tmp_path) -> None:
    articles = [
        {
            "title": f"T{n}",
            "paragraphs": [{"context": f"{p} of {n}: won.", "qas": [question(f"{n}-{p}")]} for p in range(3)],
        }
        for n in range(20)
    ]
    for article in articles:
        for paragraph in article["paragraphs"]:
            start = paragraph["context"].index("won")
            paragraph["qas"][0]["answers"] = [{"text": "won", "answer_start": start}]
    path = tmp_path / "all.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    manifest = spans(workspace, path=str(path), split={"validation": 0.1, "test": 0.2})
    groups = {
        split: {row["group_id"] for row in rows(workspace, manifest, split)}
        for split in ("train", "validation", "test")
    }
    assert [len(found) for found in groups.values()] == [14, 2, 4] and len(set.union(*groups.values())) == 20
    path.write_text(json.dumps({"version": "1.1", "data": articles[:3]}))
    test = tmp_path / "test.json"
    test.write_text(json.dumps({"version": "1.1", "data": articles[2:3]}))
    manifest = spans(workspace, paths={"train": str(path), "test": str(test)})
    assert (manifest.rows("train"), manifest.rows("test")) == (6, 3)
    assert manifest.counts["rejected"] == {"context also in test": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{", "not one JSON document"),
        ('{"question": 1}\n{"question": 2}', "not one JSON document .*corpus.format: jsonl"),
        ('{"questions": []}', "no SQuAD file: expected an object with a list of articles as 'data', found questions"),
        ("[]", "no SQuAD file"),
        ('{"data": []}', "holds no rows"),
    ],
)
def test_what_is_no_squad_file_stops_at_once(workspace, tmp_path, text, message) -> None:
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"(?s)t\.json: .*{message}"):
        spans(workspace, paths={"train": str(path)})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"kind": "docs"}, "task 'span' reads kind 'files'"),
        ({"task": "pair", "path": "x.json", "format": "squad"}, "are for task 'span', but task is 'pair'"),
        ({"task": "pair", "path": "x.tsv", "columns": {"answers": "a"}}, "are for task 'span', but task is 'pair'"),
    ],
)
def test_configs_that_do_not_fit_together(tree, message) -> None:
    with pytest.raises(UserError, match=message):
        config_of(**{"task": "span", **tree})


def test_what_the_corpus_is_made_from_tells_tasks_apart(tmp_path) -> None:
    path = squad(tmp_path / "t.json", [question("a", "won")])
    one, other = (config_of(path=path, task=task, format=f) for task, f in (("span", "auto"), ("pair", "jsonl")))
    assert made_from(one) != made_from(other)


def test_squad_slices_have_their_published_counts(workspace) -> None:
    train = str(published_data("squad1.1", "train-v1.1.slice44.json.gz"))
    dev = [str(published_data("squad1.1", f"dev-v1.1.part{part}.json")) for part in (1, 2)]
    manifest = spans(workspace, paths={"train": train, "test": dev})
    assert (manifest.rows("train"), manifest.rows("test")) == (11_877, 10_570)
    assert manifest.counts["rejected"] == {}
    found = rows(workspace, manifest, "test")
    assert len({row["group_id"] for row in found}) == 48 and max(len(row["answers"]) for row in found) >= 3
    second = spans(workspace, paths={"test": str(published_data("squad2.0", "dev-v2.0.part1.json"))})
    impossible = sum(row["answers"] == [] for row in rows(workspace, second, "test"))
    assert (second.rows("test"), impossible) == (6078, 3168)
    adversarial = spans(workspace, paths={"test": str(published_data("adversarial_squad", "AddSent.json.gz"))})
    assert adversarial.rows("test") == 3560 and adversarial.counts["rejected"] == {}


def test_a_squad_file_in_utf16_and_an_array_of_questions_are_read(workspace, tmp_path) -> None:
    path = Path(squad(tmp_path / "all.json", [question("a", "Zürich \U0001f600")]))
    path.write_bytes(json.dumps(json.loads(path.read_text()), ensure_ascii=False).encode("utf-16"))
    manifest = spans(workspace, paths={"train": str(path)})
    (expected,) = rows(workspace, manifest, "train")
    assert expected["answers"] == [{"start": CONTEXT.index("Zürich"), "text": "Zürich \U0001f600"}]
    flat = {"id": "a", "title": "T", "context": CONTEXT, **question("a", "Zürich \U0001f600")}
    array = tmp_path / "flat.json"
    array.write_text(json.dumps([flat], indent=1), encoding="utf-8")
    tree = {"paths": {"train": str(array)}, "columns": HF_COLUMNS}
    with pytest.raises(
        UserError, match=r"no SQuAD file: .* found a list; for an object per question, set corpus\.form"
    ):
        spans(workspace, **tree)
    manifest = spans(workspace, **tree, format="jsonl")
    (found,) = rows(workspace, manifest, "train")
    assert {**found, "question_id": "a"} == {**expected, "question_id": "a"}
