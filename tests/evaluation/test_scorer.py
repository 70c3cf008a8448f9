"""A finished model is scored as it would be by hand, whatever its task; the folder tells which that is."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoModelForSequenceClassification, AutoTokenizer

from tiny_teachers import (
    bert_base,
    bert_classifier,
    bert_reader,
    bert_tokenizer,
    sentence,
    student_classifier,
    student_reader,
    write_corpus,
)
from tmkd.errors import UserError
from tmkd.evaluation.pair_model import PairScorer
from tmkd.evaluation.pairs import PAIRS
from tmkd.evaluation.scorer import Scorer, StoredRows, TimedModel, scoring_of
from tmkd.evaluation.span_answers import Readings
from tmkd.evaluation.spans import SPANS
from tmkd.evaluation.task_scoring import TextLimits
from tmkd.models.student_config import AGGREGATE
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.tracking import pair_model as logged_before
from tmkd.workspace import Workspace

FP32 = Host("cpu", "fp32")
LIMITS = TextLimits(max_length=24, max_question_tokens=6, overlap=4)
HEADERS = ("golden", "soft:a")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("models")
    return {"pair": student_classifier(parent / "pair"), "span": student_reader(parent / "span")}


@pytest.fixture(scope="module")
def texts() -> list[tuple[str, str]]:
    rng = np.random.default_rng(7)
    return [(sentence(rng, 2, 8), sentence(rng, 3, 40)) for _ in range(20)]


def test_a_pair_student_gives_the_probabilities_of_every_header_and_their_mean(folders, texts) -> None:
    found = Scorer.open(folders["pair"], LIMITS, FP32).score_texts(texts)
    model = AutoModelForSequenceClassification.from_pretrained(folders["pair"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(folders["pair"])
    assert list(found) == [*HEADERS, AGGREGATE]
    for row, pair in enumerate(texts):
        inputs = tokenizer(*pair, truncation=True, max_length=24, return_tensors="pt")
        with torch.inference_mode():
            headers = model.header_logits(**inputs)
            expected = {name: headers[name].softmax(-1) for name in HEADERS}
            expected[AGGREGATE] = model(**inputs).logits.softmax(-1)
        for name, probabilities in expected.items():
            np.testing.assert_allclose(found[name][row], probabilities[0].numpy(), atol=2e-6)
    assert found[AGGREGATE].shape == (20, 2) and found[AGGREGATE].dtype == np.float32
    assert found[AGGREGATE][:, 1].std() > 0.01  # they differ from pair to pair


def test_a_header_that_is_not_trained_has_no_part_in_the_mean(tmp_path, texts) -> None:
    folder = student_classifier(tmp_path / "m", trained=["golden"])
    found = Scorer.open(folder, LIMITS, FP32).score_texts(texts)
    np.testing.assert_array_equal(found[AGGREGATE], found["golden"])
    assert np.abs(found["golden"] - found["soft:a"]).max() > 0.01


def test_a_span_student_gives_logits_of_the_whole_context(folders, texts) -> None:
    found = Scorer.open(folders["span"], LIMITS, FP32).score_texts(texts)
    assert isinstance(found, Readings)
    model = AutoModelForQuestionAnswering.from_pretrained(folders["span"]).eval()
    tokenizer = AutoTokenizer.from_pretrained(folders["span"])
    in_one_window = 0
    for row, (question, context) in enumerate(texts):
        inputs = tokenizer(question, context, return_tensors="pt", return_offsets_mapping=True)
        places = inputs.pop("offset_mapping")[0].numpy()
        mine = np.array([owner == 1 for owner in inputs.sequence_ids(0)])
        np.testing.assert_array_equal(found.grids[row].starts, places[mine, 0])
        np.testing.assert_array_equal(found.grids[row].ends, places[mine, 1])
        assert found.logits[row].shape == (mine.sum(), 2)
        asked = len(tokenizer.tokenize(question))
        if inputs["input_ids"].shape[1] <= LIMITS.max_length and asked <= LIMITS.max_question_tokens:
            with torch.inference_mode():
                said = model(**inputs)
            expected = torch.stack([said.start_logits, said.end_logits], dim=-1)[0].numpy()
            np.testing.assert_allclose(found.logits[row], expected[mine], atol=2e-5)
            np.testing.assert_allclose(found.null[row], expected[0].sum(), atol=2e-5)
            in_one_window += 1
    assert 2 < in_one_window < len(texts)


@pytest.mark.parametrize("task", ["pair", "span"])
def test_rows_of_shards_get_the_scores_of_their_texts(task, folders, tmp_path) -> None:
    workspace = Workspace.open(str(tmp_path))
    corpus = write_corpus(workspace, {"test": 2}, rows=6, task=task)
    fingerprints = {"test": corpus.split_fingerprint("test")}
    rows = StoredRows(workspace, corpus.name, fingerprints, "test", tuple(corpus.shards("test")))
    scorer = Scorer.open(folders[task], LIMITS, FP32)
    stored, by_text = scorer.score_stored(rows), scorer.score_texts(corpus.pairs("test"))
    if task == "pair":
        assert stored[AGGREGATE].shape == (12, 2)
        for header in (*HEADERS, AGGREGATE):
            np.testing.assert_allclose(stored[header], by_text[header], atol=1e-6)
        return
    assert len(stored.logits) == len(stored.grids) == len(stored.null) == 12
    for one, other in zip(stored.logits, by_text.logits, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_without_a_row_there_is_an_output_of_its_usual_form(folders) -> None:
    found = Scorer.open(folders["pair"], LIMITS, FP32).score([])
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys([*HEADERS, AGGREGATE], (0, 2))
    assert len(Scorer.open(folders["span"], LIMITS, FP32).score([]).null) == 0


def test_a_classifier_that_is_no_student_answers_as_one_header(tmp_path, texts) -> None:
    folder = bert_classifier(tmp_path / "m", num_labels=1)
    found = Scorer.open(folder, LIMITS, FP32).score_texts(texts[:2])
    inputs = AutoTokenizer.from_pretrained(folder)(*texts[1], truncation=True, max_length=24, return_tensors="pt")
    with torch.inference_mode():
        expected = AutoModelForSequenceClassification.from_pretrained(folder).eval()(**inputs).logits.sigmoid()
    assert list(found) == [AGGREGATE]
    np.testing.assert_allclose(found[AGGREGATE][1], expected[0].numpy(), atol=2e-6)


def test_the_limits_are_those_that_the_tokenizer_was_saved_with(tmp_path, texts) -> None:
    folder = student_classifier(tmp_path / "m")
    tokenizer = bert_tokenizer()
    tokenizer.model_max_length = 24
    tokenizer.save_pretrained(folder)
    given, of_folder = Scorer.open(folder, LIMITS, FP32), Scorer.open(folder, host=FP32)
    np.testing.assert_array_equal(given.raw(texts).values, of_folder.raw(texts).values)


@pytest.mark.parametrize("task", ["pair", "span"])
def test_it_times_itself(task, folders, texts) -> None:
    scorer = Scorer.open(folders[task], LIMITS, FP32)
    auto = AutoModelForSequenceClassification if task == "pair" else AutoModelForQuestionAnswering
    model = auto.from_pretrained(folders[task])
    assert scorer.parameter_count == sum(parameter.numel() for parameter in model.parameters())
    one, many = scorer.milliseconds(texts, 0.02), scorer.pairs_per_second(texts, 0.02)
    assert 0 < one < 10_000 and many > 0


def test_a_teacher_reads_its_own_part_of_a_question(tmp_path) -> None:
    folder = bert_classifier(tmp_path / "m", num_labels=2)
    config = TeacherConfig(model=str(folder), max_length=24, question_pattern=r"^(\w+)")
    model = TimedModel.of_teacher(PAIRS, config, folder, FP32)
    first = model.raw([("search rank index", "passage model")]).values
    np.testing.assert_array_equal(first, model.raw([("search question", "passage model")]).values)
    assert np.abs(first - model.raw([("rank search", "passage model")]).values).max() > 1e-4


@pytest.mark.parametrize("scoring", [PAIRS, SPANS])
def test_the_part_of_a_task_travels_to_workers(scoring) -> None:
    assert pickle.loads(pickle.dumps(scoring)) == scoring


def test_the_folder_tells_the_task(folders, tmp_path) -> None:
    assert [scoring_of(folders[task]) for task in ("pair", "span")] == [PAIRS, SPANS]
    assert scoring_of(bert_reader(tmp_path / "reader")) is SPANS
    assert scoring_of(bert_classifier(tmp_path / "classifier")) is PAIRS


def test_a_folder_without_a_head_or_a_model_is_refused_by_name(tmp_path, folders) -> None:
    base = bert_base(tmp_path / "base")
    with pytest.raises(UserError, match=rf"{base}: config\.json names BertModel in architectures; expected …For"):
        Scorer.open(base)
    with pytest.raises(UserError, match=str(tmp_path / "nowhere")):
        Scorer.open(tmp_path / "nowhere")
    config = folders["pair"] / "config.json"
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (base / name).write_bytes((config.parent / name).read_bytes())
    with pytest.raises(UserError, match=rf"{base}.*(random|cannot be loaded)"):  # a student's config over other weights
        Scorer.open(base, LIMITS, FP32)


def test_an_mlflow_model_that_was_logged_before_is_loaded_by_its_old_name(folders, texts) -> None:
    import pandas as pd

    frame = pd.DataFrame(texts, columns=["question", "passage"])
    loaded = logged_before._load_pyfunc(str(folders["pair"]))
    assert isinstance(loaded, PairScorer)
    assert list(loaded.predict(frame).columns) == ["not_relevant", "relevant"]
