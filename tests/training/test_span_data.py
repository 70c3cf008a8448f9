"""Rows of span stages: answers and readers' logits land on the right tokens of the right window."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoTokenizer

from stage_changes import objectives
from tiny_teachers import bert_tokenizer, bpe_tokenizer
from tmkd.corpus.schema import SPAN_GOLDEN_SCHEMA, SPAN_SCHEMA
from tmkd.errors import UserError
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.span_logits import SpanLogits
from tmkd.text.tokens import TokenCache, vocabulary_fingerprint
from tmkd.training.config import Schedule
from tmkd.training.learned import count_learned
from tmkd.training.span_data import SpanRows
from tmkd.training.stage import StageSpec
from tmkd.training.stage_parts import Data, Reading, Signal, Start
from tmkd.workspace import Workspace, corpus_folder

SHARD = "part-00000.parquet"
FILLER = "the model will read a passage and rank the index before it can sort the column "
ROWS = [
    ("which animal", "the red fox saw a blue bird and an old dog", "blue bird"),
    ("where is the token", FILLER * 6 + "then the token is in the vector " + FILLER * 6, "in the vector"),
    ("who can say", "nobody has judged this context", None),
    ("is there an answer", "there is none in here", ""),
]


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    workspace = Workspace.open(str(tmp_path))
    columns = [[0, 1, 2, 3], list("abcd"), list("abcd"), [r[0] for r in ROWS], [r[1] for r in ROWS], ["g"] * 4]
    workspace.publish_table(f"{corpus_folder('c', 'train')}/{SHARD}", pa.table(columns, schema=SPAN_SCHEMA))
    answers = [
        None if text is None else [{"start": context.index(text), "text": text}] if text else []
        for _, context, text in ROWS
    ]
    workspace.publish_table(
        golden_path("c", "train", SHARD), pa.table([[0, 1, 2, 3], answers], schema=SPAN_GOLDEN_SCHEMA)
    )
    return workspace


def stage(reading: Reading, signals=None, golden: bool = True) -> StageSpec:
    spec = StageSpec(
        name="s", task="span", data=Data("c", "train", {"train": "f"}, {SHARD: 4}, ()), start=Start(), shape=None,
        max_length=40, signals=signals or {}, objectives=(), schedule=Schedule(), seed=0, reading=reading,
    )  # fmt: skip
    weights = {"golden": 1.0, "answer": 1.0, "soft": 1.0, "attention": 1.0}
    return replace(spec, objectives=objectives(spec, golden, weights))


def read(workspace, reading: Reading, tokenizer=None, **more):
    rows = SpanRows(stage(reading, **more), workspace, tokenizer or bert_tokenizer(), 1)
    refs = np.array([[0, row] for row in range(4)])
    batches = [next(rows.micro_batches(refs[row : row + 1], np.ones(1, np.float32), 1)) for row in range(4)]
    return rows.present(refs).all(axis=1), batches


def label(workspace, name: str, tokenizer, peaks: list[tuple[str, str]]) -> None:
    """Let a reader say that each context's answer starts and ends at certain words."""
    cache = TokenCache(workspace, "c", {"train": "f"}, tokenizer)
    cache.read("train", SHARD, "context")
    starts, ends = cache.grids("train", SHARD)
    rows = []
    for row, (first, last) in enumerate(peaks):
        logits = np.zeros((len(starts.row(row)), 2), np.float32)
        logits[np.searchsorted(ends.row(row), ROWS[row][1].index(first), side="right"), 0] = 9
        logits[np.searchsorted(starts.row(row), ROWS[row][1].index(last) + len(last) - 1, side="right") - 1, 1] = 9
        rows.append(logits)
    store = LabelStore(workspace, "c", "train", name)
    store.bind({"vocabulary": vocabulary_fingerprint(tokenizer)})
    store.publish(SHARD, np.arange(4), SpanLogits.of(rows, np.full(4, -3, np.float32)))


PEAKS = [("red", "fox"), ("token is", "vector"), ("judged", "context"), ("none", "here")]


def text_at(batch, places, tokenizer=None) -> str:
    ids = batch.inputs["input_ids"][0, places[0] : places[1] + 1]
    return (tokenizer or bert_tokenizer()).decode(ids).strip()


def test_golden_answers_are_at_their_places_even_in_long_contexts(workspace) -> None:
    usable, batches = read(workspace, Reading(max_question_tokens=8, overlap=10))
    assert usable.tolist() == [1, 1, 0, 0]
    assert text_at(batches[0], batches[0].targets.golden[0]) == "blue bird"
    assert text_at(batches[1], batches[1].targets.golden[0]) == "in the vector"
    assert batches[1].inputs["input_ids"].shape[1] == 40  # a window of it
    first, last = batches[1].targets.golden[0].tolist()
    assert min(first - 8, 38 - last) >= 5  # with text on both sides


def remarks(workspace, name: str, golden: bool = True) -> list[str]:
    """Read a stage's shard twice, of which the second context is its own answer; return what the user is told."""
    answers = [[{"start": 0, "text": context}] for _, context, _ in ROWS[:2]] + [None, []]
    table = pa.table([[0, 1, 2, 3], answers], schema=SPAN_GOLDEN_SCHEMA)
    workspace.publish_table(golden_path("c", "train", SHARD), table)
    rows = SpanRows(replace(stage(Reading(8, 10), golden=golden), name=name), workspace, bert_tokenizer(), 1)
    for _ in range(2):
        rows.read(SHARD)
    return rows.remarks


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("finetune", "student.max_length (or reading.overlap)"),
        ("teacher-a", "teachers.a.max_length (or teachers.a.overlap)"),
    ],
)
def test_golden_answers_that_no_window_holds_are_told_once(workspace, name: str, keys: str) -> None:
    told = f"1 of 2 golden answers do not fit into a window and are not learned; raise {keys}"
    assert remarks(workspace, name) == [told]


def test_golden_answers_that_nobody_learns_need_no_window(workspace) -> None:
    assert remarks(workspace, "pretrain", golden=False) == []


def test_only_the_window_s_context_may_be_the_answer(workspace) -> None:
    _, batches = read(workspace, Reading(max_question_tokens=8, overlap=10))
    ids = batches[0].inputs["input_ids"][0]
    inside = batches[0].targets.allowed[0]
    assert bert_tokenizer().decode(ids[inside]) == ROWS[0][1]
    assert not inside[0]


def test_no_answer_is_the_first_token_where_there_may_be_none(workspace) -> None:
    usable, batches = read(workspace, Reading(max_question_tokens=8, overlap=10, unanswerable=True))
    assert usable.tolist() == [1, 1, 0, 1]
    assert batches[3].targets.golden[0].tolist() == [0, 0] and bool(batches[3].targets.allowed[0, 0])


@pytest.mark.parametrize("teachers_words", ["its own tokenizer", "another tokenizer"])
def test_readers_logits_land_on_their_words_whatever_their_tokenizer(workspace, teachers_words: str) -> None:
    tokenizer = bert_tokenizer() if teachers_words == "its own tokenizer" else bpe_tokenizer(roberta=True)
    label(workspace, "a", tokenizer, PEAKS)
    signals = {"soft:a": Signal(("a",), (None,), "i")}
    usable, batches = read(workspace, Reading(max_question_tokens=8, overlap=10), signals=signals, golden=False)
    assert usable.tolist() == [1, 1, 1, 1]
    found = [batch.targets.soft["soft:a"][0] for batch in batches]
    assert text_at(batches[0], found[0].argmax(0)) == "red fox"
    assert text_at(batches[1], found[1].argmax(0)) == "token is in the vector"  # the window is around it
    assert bool((found[0][~batches[0].targets.allowed[0]] == -np.inf).all())


@pytest.mark.parametrize("tau", [1.0, 3.0])
def test_the_mean_of_readers_is_that_of_their_probabilities_at_any_temperature(workspace, tau: float) -> None:
    label(workspace, "a", bert_tokenizer(), PEAKS)
    label(workspace, "b", bert_tokenizer(), [("blue", "bird"), *PEAKS[1:]])
    both = {"golden": Signal(("a", "b"), (None, None), "i")}
    _, batches = read(workspace, Reading(max_question_tokens=8, overlap=10, temperature=tau), signals=both)
    probabilities = torch.softmax(batches[0].targets.soft["golden"][0] / tau, dim=0)
    words = len(ROWS[0][1].split())
    surest = np.exp(9 / tau) / (np.exp(9 / tau) + words - 1)
    top = sorted(probabilities[:, 0].tolist())[-2:]
    assert top == pytest.approx([(surest + (1 - surest) / (words - 1)) / 2] * 2, rel=1e-3)
    assert float(probabilities[:, 0].sum()) == pytest.approx(1, abs=1e-3)


def test_the_confusing_answer_is_the_reader_s_wrong_one(workspace) -> None:
    label(workspace, "a", bert_tokenizer(), PEAKS)
    signals = {"golden": Signal(("a",), (None,), "i")}
    reading = Reading(max_question_tokens=8, overlap=10, candidates=4, confusing=signals["golden"])
    _, batches = read(workspace, reading, signals=signals)
    assert text_at(batches[0], batches[0].targets.confusing[0]) == "red fox"
    assert batches[2].targets.confusing[0].tolist() == [-1, -1]  # no golden answer to confuse it with


def test_an_answer_confuses_also_where_its_readers_teach_nothing_else(workspace) -> None:
    label(workspace, "a", bert_tokenizer(), PEAKS)
    reading = Reading(max_question_tokens=8, overlap=10, candidates=4, confusing=Signal(("a",), (None,), "i"))
    _, batches = read(workspace, reading)
    assert text_at(batches[0], batches[0].targets.confusing[0]) == "red fox" and not batches[0].targets.soft


LOOKS = Reading(max_question_tokens=8, overlap=10, attention=Signal(("attention",), (None,), "i"))


def look(workspace, tokenizer) -> list[np.ndarray]:
    """Let readers look at the question's last word from each context's first token, at its first from all others."""
    cache = TokenCache(workspace, "c", {"train": "f"}, tokenizer)
    asked, contexts = (cache.read("train", SHARD, column)[1].lengths for column in ("question", "context"))
    maps = [np.eye(1, n, 0).repeat(t, axis=0) for t, n in zip(contexts, asked, strict=True)]
    for each in maps:
        each[0] = np.eye(1, each.shape[1], each.shape[1] - 1)
    maps[2] = np.zeros((0, 0))  # could not be read
    store = LabelStore(workspace, "c", "train", "attention")
    store.bind({"vocabulary": vocabulary_fingerprint(tokenizer)})
    store.publish(SHARD, np.arange(4), AttentionMaps.of(maps))
    return maps


def test_attention_lands_on_the_question_s_words_from_the_window_s(workspace) -> None:
    maps = look(workspace, bert_tokenizer())
    usable, batches = read(workspace, LOOKS)
    assert usable.tolist() == [1, 1, 0, 0]
    counted = count_learned(stage(LOOKS, golden=False), workspace)
    assert counted.terms == counted.teachers == {"attention": 3} and counted.rows == 3
    for row, batch in enumerate(batches[:2]):
        targets, ids = batch.targets, batch.inputs["input_ids"][0]
        assert bert_tokenizer().decode(ids[targets.question[0]]) == ROWS[row][0]
        assert bool((targets.context[0] == targets.allowed[0]).all())
        looks = targets.attention[0][targets.context[0]][:, targets.question[0]]
        start = 0 if row == 0 else next(i for i in range(200) if (maps[1][i : i + len(looks)] == looks.numpy()).all())
        np.testing.assert_array_equal(looks, maps[row][start : start + len(looks)])
        assert float(targets.attention.sum()) == len(looks)  # and nothing anywhere else
    assert batches[0].targets.attention[0][batches[0].targets.context[0]][0].argmax() == 2  # [CLS] which >animal<


def test_attention_in_another_tokenizer_s_tokens_is_refused(workspace) -> None:
    look(workspace, bert_tokenizer())
    with pytest.raises(UserError, match=r"attention.part-00000.*another tokenizer than that of s's model"):
        read(workspace, LOOKS, tokenizer=bpe_tokenizer(roberta=True))


def silence(workspace, name: str, row: int) -> None:
    """Take a reader's score of a row away."""
    store = LabelStore(workspace, "c", "train", name)
    ids, labels = store.read_spans(SHARD)
    labels.null[row] = np.nan
    store.publish(SHARD, ids, labels)


def test_a_reader_that_could_not_score_a_row_takes_it_from_its_own_header_alone(workspace) -> None:
    for name in "ab":
        label(workspace, name, bert_tokenizer(), PEAKS)
    silence(workspace, "b", 1)
    signals = {f"soft:{name}": Signal((name,), (None,), "i") for name in "ab"}
    both = Signal(("a", "b"), (None, None), "i")
    made = stage(Reading(8, 10, confusing=both), signals=signals | {"golden": both})
    rows = SpanRows(made, workspace, bert_tokenizer(), 1)
    refs = np.array([[0, row] for row in range(4)])
    assert made.terms == ["golden", "answer", "soft:a", "soft:b", "soft:golden"]
    assert rows.present(refs).tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    found = count_learned(made, workspace)
    assert found.terms == rows.counts(refs) and found.teachers == {"a": 4, "b": 3} and found.rows == 4
    batch = next(rows.micro_batches(refs[1:2], np.ones(1, np.float32), 1))
    torch.testing.assert_close(batch.targets.soft["golden"], batch.targets.soft["soft:a"])  # the mean of one


@pytest.mark.parametrize("unanswerable", [False, True])
def test_rows_that_a_reader_could_not_score_are_not_used(workspace, unanswerable: bool) -> None:
    label(workspace, "a", bert_tokenizer(), PEAKS)
    silence(workspace, "a", 0)
    reading = Reading(8, 10, unanswerable)
    usable, batches = read(workspace, reading, signals={"golden": Signal(("a",), (None,), "i")}, golden=False)
    assert usable.tolist() == [0, 1, 1, 1]
    for each in batches:  # NaN times a weight of 0 would be NaN
        assert not each.targets.soft["golden"].isnan().any()


def test_the_student_s_tokenizer_may_be_a_byte_level_one(workspace, tmp_path) -> None:
    bpe_tokenizer(roberta=True).save_pretrained(tmp_path / "bpe")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bpe")
    usable, batches = read(workspace, Reading(max_question_tokens=12, overlap=5), tokenizer)
    assert usable[0] == 1
    bytes_of_it = text_at(batches[0], batches[0].targets.golden[0], tokenizer)
    assert bytes_of_it.replace(" ", "").replace("Ġ", " ") == "blue bird"
