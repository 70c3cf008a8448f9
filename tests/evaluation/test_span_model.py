"""A span reader in MLflow answers as it does in an evaluation, however long the context."""

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from tiny_teachers import bert_reader, sentence
from tmkd.evaluation.span_answers import Readings
from tmkd.evaluation.span_model import COLUMNS, span_model
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.span_reader import SpanReader
from tmkd.text.span_projection import grids_of
from tmkd.text.tokens import tokenize, tokenize_whole
from tmkd.tracking import open_tracker
from tmkd.workspace import Workspace


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> TeacherConfig:
    folder = bert_reader(tmp_path_factory.mktemp("reader") / "m")
    return TeacherConfig(kind="span_reader", model=str(folder), max_length=40, overlap=10, max_question_tokens=12)


def by_hand(reader: TeacherConfig, pairs) -> list[str]:
    tokenizer = load_tokenizer(Path(reader.model))
    text = tokenize_whole(tokenizer, [context for _, context in pairs])
    loaded = SpanReader.load(reader, Path(reader.model), Host("cpu", "fp32"))
    found = loaded.score(tokenize(tokenizer, [question for question, _ in pairs]), text["tokens"])
    readings = Readings.of(found.values, grids_of(text["starts"], text["ends"]))
    return [readings.answer(row, context, 5, False) for row, (_, context) in enumerate(pairs)]


def test_it_is_logged_with_signature_and_answers_when_loaded(reader, tmp_path, monkeypatch) -> None:
    import mlflow
    import pandas as pd

    rng = np.random.default_rng(0)
    pairs = [(sentence(rng, 4, 8), sentence(rng, words, words + 1)) for words in (8, 90, 25)]
    tracker = open_tracker(Workspace.open(str(tmp_path)), "tests")
    with tracker.run("student") as run:
        uri = run.model(lambda: span_model(Path(reader.model), reader, 5, False, pairs))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.connection.uri)
    loaded = mlflow.pyfunc.load_model(uri)
    assert loaded.metadata.signature.inputs.input_names() == list(COLUMNS)
    answers = loaded.predict(pd.DataFrame(pairs, columns=list(COLUMNS)))["answer"].tolist()
    assert answers == by_hand(reader, pairs)
    tokenizer = AutoTokenizer.from_pretrained(reader.model)
    assert all(answer in context for answer, (_, context) in zip(answers, pairs, strict=True))
    assert 1 <= len(tokenizer.tokenize(answers[1])) <= 5
