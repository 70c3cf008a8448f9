"""Span readers: the scores of Hugging Face's own windows, over the whole context."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from tiny_teachers import bert_base, bert_reader, sentence
from tmkd.errors import UserError
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.span_reader import SpanReader
from tmkd.text.tokens import tokenize, tokenize_whole
from tmkd.text.windows import speakers

LENGTH, OVERLAP = 40, 12
LONG, SHORT = 150, 9  # words of a context


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bert_reader(tmp_path_factory.mktemp("reader") / "m")


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(3)
    contexts = [sentence(rng, words, words + 1) for words in (LONG, SHORT, 31, 60)]
    return [sentence(rng, 4, 9) for _ in contexts], contexts


def config(folder, **more) -> TeacherConfig:
    settings = {"kind": "span_reader", "max_length": LENGTH, "overlap": OVERLAP, "max_question_tokens": 12}
    return TeacherConfig(model=str(folder), **settings | more)


def score(folder, texts, **more):
    reader = SpanReader.load(config(folder, **more), folder, Host("cpu", "fp32"))
    tokenizer = load_tokenizer(folder)
    return reader.score(tokenize(tokenizer, texts[0]), tokenize_whole(tokenizer, texts[1])["tokens"])


def by_hugging_face(folder, question: str, context: str) -> tuple[np.ndarray, float]:
    """The tokenizer's own sliding windows, the model's own logits; each token from its best window."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    encoded = tokenizer(
        question, context, truncation="only_second", max_length=LENGTH, stride=OVERLAP, return_overflowing_tokens=True
    )
    whole = len(tokenizer(context, add_special_tokens=False)["input_ids"])
    spans, said, null, at = [], [], [], 0
    for window in range(len(encoded["input_ids"])):
        inputs = {
            key: torch.tensor([encoded[key][window]]) for key in ("input_ids", "attention_mask", "token_type_ids")
        }
        with torch.no_grad():
            found = model(**inputs)
        both = torch.stack([found.start_logits[0], found.end_logits[0]], dim=1).numpy()
        inside = [place for place, text in enumerate(encoded.sequence_ids(window)) if text == 1]
        spans.append((at, at + len(inside)))
        said.append(both[inside])
        null.append(both[0].sum())
        at += len(inside) - OVERLAP
    assert spans[-1][1] == whole
    speaker = speakers(np.array(spans), whole)
    rows = [said[w][token - spans[w][0]] for token, w in enumerate(speaker)]
    return np.array(rows), min(null)


def test_the_scores_are_those_of_hugging_face_s_windows(folder, texts) -> None:
    found = score(folder, texts)
    assert not found.faults and len(found.values) == 4
    for row, (question, context) in enumerate(zip(*texts, strict=True)):
        expected, null = by_hugging_face(folder, question, context)
        np.testing.assert_allclose(found.values.row(row), expected, atol=1e-4)
        assert found.values.null[row] == pytest.approx(null, abs=1e-4)


def test_the_batch_does_not_matter(folder, texts) -> None:
    one, other = score(folder, texts), score(folder, texts, batch_tokens=LENGTH)
    np.testing.assert_allclose(one.values.tokens, other.values.tokens, atol=1e-4)


def test_an_encoder_without_a_span_head_is_refused(tmp_path) -> None:
    folder = bert_base(tmp_path / "base")
    with pytest.raises(UserError, match="has no span head"):
        SpanReader.load(config(folder), folder, Host("cpu", "fp32"))


def test_windows_that_cannot_move_on_are_refused_before_loading(folder) -> None:
    with pytest.raises(UserError, match=r"max_length 40: .* lower overlap"):
        SpanReader.describe(config(folder, overlap=20), folder, load_tokenizer(folder))


def test_a_token_that_the_model_does_not_know_is_its_row_s_fault(folder, texts) -> None:
    reader = SpanReader.load(config(folder), folder, Host("cpu", "fp32"))
    tokenizer = load_tokenizer(folder)
    contexts = tokenize_whole(tokenizer, texts[1])["tokens"]
    contexts.values[contexts.offsets[2]] = 60_000
    found = reader.score(tokenize(tokenizer, texts[0]), contexts)
    assert list(found.faults) == [2] and "60000" in found.faults[2]
    assert found.values.within(1e4).tolist() == [True, True, False, True]
