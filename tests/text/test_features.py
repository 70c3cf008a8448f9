"""Token columns put together by `Features` equal what the model's own tokenizer makes of a pair."""

import numpy as np
import pytest

from tiny_teachers import bert_tokenizer, bpe_tokenizer, sentence
from tmkd.errors import UserError
from tmkd.text.features import Features, Template
from tmkd.text.patterns import view
from tmkd.text.tokens import tokenize


def tokenizers():
    gpt2 = bpe_tokenizer(roberta=False)
    gpt2.pad_token = gpt2.eos_token
    return {"bert": bert_tokenizer(), "roberta": bpe_tokenizer(roberta=True), "gpt2": gpt2}


TOKENIZERS = tokenizers()


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(1)
    questions = [sentence(rng, 1, 25) for _ in range(120)]
    return [*questions, "Ünïcode — “quotes” 中文", "x"], [
        *(sentence(rng, 1, 40) for _ in range(120)),
        "row",
        "y " * 700,
    ]


@pytest.mark.parametrize("max_length", [8, 9, 21, 40, 80])
@pytest.mark.parametrize("name", list(TOKENIZERS))
def test_pairs_equal_the_tokenizer(name: str, max_length: int, texts: tuple[list[str], list[str]]) -> None:
    tokenizer = TOKENIZERS[name]
    expected = tokenizer(*texts, truncation=True, max_length=max_length, padding=True, return_tensors="np")
    columns = [tokenize(tokenizer, column) for column in texts]
    features = Features(Template.of(tokenizer, 2), max_length)
    batch = features.batch(np.arange(len(texts[0])), *columns)
    assert batch.keys() == set(expected.keys())
    for key, array in batch.items():
        np.testing.assert_array_equal(array, expected[key], err_msg=key)
    np.testing.assert_array_equal(features.lengths(*columns), expected["attention_mask"].sum(1))


@pytest.mark.parametrize("name", list(TOKENIZERS))
def test_single_texts_equal_the_tokenizer(name: str, texts: tuple[list[str], list[str]]) -> None:
    tokenizer = TOKENIZERS[name]
    expected = tokenizer(texts[1], truncation=True, max_length=21, padding=True, return_tensors="np")
    column = tokenize(tokenizer, texts[1])
    batch = Features(Template.of(tokenizer, 1), 21).batch(np.arange(len(texts[1])), column)
    for key, array in batch.items():
        np.testing.assert_array_equal(array, expected[key], err_msg=key)


def test_no_room_for_text_is_refused() -> None:
    with pytest.raises(UserError, match="max_length 3"):
        Features(Template.of(TOKENIZERS["bert"], 2), 3)


def test_view_reads_group_one() -> None:
    assert view("read table: what it does", r"[^:]*: (.*)") == "what it does"
    assert view("no colon", r"[^:]*: (.*)") == "no colon"
    assert view("all of it", None) == "all of it"
