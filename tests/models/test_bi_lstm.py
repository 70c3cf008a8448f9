"""The Bi-LSTM: padding changes nothing, its words are the corpus's, and a student is cut from it as from BERT."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import tmkd  # noqa: F401  (makes transformers know the student)
from tmkd.errors import UserError
from tmkd.models.build import freeze_embeddings, student_from_base
from tmkd.models.shape import StudentShape
from tmkd.models.word_base import WordShape, make_word_base, read_vectors
from tmkd.text.features import Template

TEXTS = ["Where is the file?", "The file is here, in the folder.", "Is it? It is the FILE!"]
SHAPE = WordShape(words=12, embedding_size=6, lstm_size=4, layers=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    make_word_base(folder, TEXTS, SHAPE, None, seed=0)
    return folder


@pytest.fixture(scope="module")
def tokenizer(base):
    return AutoTokenizer.from_pretrained(base)


def test_its_words_are_the_most_frequent_ones_of_the_corpus(tokenizer) -> None:
    words = set(tokenizer.get_vocab())
    assert len(words) == 12 and {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "is", "file", "it", "?"} <= words
    assert tokenizer.convert_ids_to_tokens(tokenizer("The zebra?")["input_ids"]) == [
        "[CLS]",
        "the",
        "[UNK]",
        "?",
        "[SEP]",
    ]
    assert Template.of(tokenizer, 2).parts == ((2,), (3,), (3,))


def test_padding_changes_nothing_and_both_directions_are_read(base) -> None:
    model = AutoModel.from_pretrained(base).eval()
    ids = torch.tensor([[2, 5, 6, 7, 3]])
    padded, mask = (
        torch.tensor([[2, 5, 6, 7, 3, 0, 0], [2, 8, 3, 0, 0, 0, 0]]),
        torch.tensor([[1] * 5 + [0] * 2, [1] * 3 + [0] * 4]),
    )
    with torch.no_grad():
        alone, both = model(ids).last_hidden_state, model(padded, mask).last_hidden_state
        other = model(torch.tensor([[2, 5, 6, 7, 9]])).last_hidden_state
    assert alone.shape == (1, 5, 8) and both[:, 5:].eq(0).all()
    torch.testing.assert_close(both[:1, :5], alone)
    assert not torch.allclose(alone[0, 0], other[0, 0])  # the first word knows the last one


def test_it_is_torch_s_own_lstm_layer_by_layer(base) -> None:
    model = AutoModel.from_pretrained(base).eval()
    x = model.embeddings(torch.tensor([[2, 5, 6]]))
    for layer in range(2):
        forth = torch.nn.LSTM(x.shape[2], 4, batch_first=True)
        back = torch.nn.LSTM(x.shape[2], 4, batch_first=True)
        for lstm, suffix in ((forth, ""), (back, "_reverse")):
            for name, parameter in lstm.named_parameters():
                parameter.data = getattr(model.layers, name.replace("l0", f"l{layer}") + suffix).data
        x = torch.cat([forth(x)[0], back(x.flip(1))[0].flip(1)], dim=2)
    torch.testing.assert_close(model(torch.tensor([[2, 5, 6]])).last_hidden_state, x)


@pytest.mark.parametrize("pooling", ["cls", "mean", "match"])
def test_a_student_is_cut_from_it_saved_and_loaded(base, tokenizer, tmp_path, pooling: str) -> None:
    shape = StudentShape(layers=1, pooling=pooling, freeze_embeddings=True, dropout=0.0, max_length=16)
    student = student_from_base(base, shape, ["golden", "soft:a"], ["no", "yes"], tokenizer).eval()
    parent = AutoModel.from_pretrained(base)
    torch.testing.assert_close(student.encoder.layers.weight_ih_l0, parent.layers.weight_ih_l0)
    assert student.encoder.layers.num_layers == 1 and freeze_embeddings(student) == 12 * 6
    student.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    inputs = tokenizer("where is it?", "in the folder", return_tensors="pt")
    torch.testing.assert_close(again(**inputs).logits, student(**inputs).logits)


def test_glove_vectors_are_taken_where_there_are_some(tmp_path) -> None:
    vectors = {"file": np.arange(6) / 10, "the": -np.arange(6) / 10, "zebra": np.ones(6)}
    lines = [f"{word} {' '.join(f'{value:.4f}' for value in values)}" for word, values in vectors.items()]
    (tmp_path / "glove.txt").write_text("\n".join([*lines, ". . . " + " ".join(["0.5"] * 6)]) + "\n")
    make_word_base(tmp_path / "base", TEXTS, SHAPE, tmp_path / "glove.txt", seed=0)
    model, ids = (
        AutoModel.from_pretrained(tmp_path / "base"),
        AutoTokenizer.from_pretrained(tmp_path / "base").get_vocab(),
    )
    rows = model.embeddings.weight.detach().numpy()
    np.testing.assert_allclose(rows[ids["file"]], vectors["file"], atol=1e-4)
    drawn = [rows[index] for word, index in ids.items() if word not in vectors]
    assert 0.5 < np.std(drawn) / np.std([vectors["file"], vectors["the"]]) < 1.5


@pytest.mark.parametrize(
    ("text", "fault"),
    [("file 0.1 0.2\n", "line 1 has 2 numbers, but student.bi_lstm.embedding is 6"),
     ("file 1 2 3 4 5 six\n", "line 1 is no word with 6 numbers")],
)  # fmt: skip
def test_vectors_that_cannot_be_used_are_named(text: str, fault: str, tmp_path) -> None:
    (tmp_path / "glove.txt").write_text(text)
    with pytest.raises(UserError, match=fault):
        read_vectors(tmp_path / "glove.txt", {"file"}, 6)
