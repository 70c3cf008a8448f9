"""Where readers look: Hugging Face's own attention, divided among the question's tokens, averaged over readers."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, DistilBertConfig, DistilBertForQuestionAnswering

from tiny_teachers import bert_reader, sentence
from tmkd.errors import UserError
from tmkd.runtimes.host import Host
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.reader_attention import AttentionConfig, ReaderAttention
from tmkd.text.tokens import tokenize, tokenize_whole
from tmkd.text.windows import speakers, windows

LENGTH, OVERLAP, ASKED = 40, 12, 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return [bert_reader(tmp_path_factory.mktemp("readers") / name, seed=seed) for seed, name in enumerate("ab")]


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(3)
    return [sentence(rng, 4, 9) for _ in range(3)], [sentence(rng, words, words + 1) for words in (90, 9, 31)]


def score(folders, texts, **more):
    config = AttentionConfig(
        model=str(folders[0]), others=tuple(map(str, folders[1:])), max_length=LENGTH, overlap=OVERLAP,
        max_question_tokens=ASKED, **more,
    )  # fmt: skip
    teacher = ReaderAttention.load(config, folders[0], Host("cpu", "fp32"))
    tokenizer = load_tokenizer(folders[0])
    return teacher.score(tokenize(tokenizer, texts[0]), tokenize_whole(tokenizer, texts[1])["tokens"])


def by_hugging_face(folder, question: str, context: str) -> np.ndarray:
    """Window by window, in float64: attention of the last layer on the question, renormalised, mean over heads."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForQuestionAnswering.from_pretrained(folder, attn_implementation="eager").eval()
    asked = tokenizer(question, add_special_tokens=False)["input_ids"][:ASKED]
    tokens = tokenizer(context, add_special_tokens=False)["input_ids"]
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    spans = windows(len(tokens), LENGTH - 3 - len(asked), OVERLAP)
    said = []
    for start, stop in spans:
        ids = [cls, *asked, sep, *tokens[start:stop], sep]
        types = [0] * (len(asked) + 2) + [1] * (stop - start + 1)
        with torch.no_grad():
            found = model(
                input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]), output_attentions=True
            ).attentions[-1][0]
        heads = found.double().numpy()[:, len(asked) + 2 : -1, 1 : 1 + len(asked)]  # [H, T, N]
        said.append((heads / heads.sum(axis=2, keepdims=True)).mean(axis=0))
    speaker = speakers(spans, len(tokens))
    return np.array([said[w][token - spans[w][0]] for token, w in enumerate(speaker)])


def test_the_map_is_the_mean_of_hugging_face_s_attention(folders, texts) -> None:
    found = score(folders, texts)
    assert not found.faults
    for row, pair in enumerate(zip(*texts, strict=True)):
        expected = np.mean([by_hugging_face(folder, *pair) for folder in folders], axis=0)
        np.testing.assert_allclose(found.values.row(row), expected, atol=1e-5)
        np.testing.assert_allclose(found.values.row(row).sum(axis=1), 1, atol=1e-5)


def test_neither_the_batch_nor_the_order_of_readers_matters(folders, texts) -> None:
    one, other = score(folders, texts), score(folders[::-1], texts, batch_tokens=LENGTH)
    np.testing.assert_allclose(one.values.shares, other.values.shares, atol=1e-5)


def test_readers_with_and_without_segments_mix_in_any_order(folders, texts, tmp_path) -> None:
    torch.manual_seed(5)
    config = DistilBertConfig(vocab_size=30522, dim=32, n_layers=2, n_heads=4, hidden_dim=64)
    DistilBertForQuestionAnswering(config).save_pretrained(tmp_path)
    load_tokenizer(folders[0]).save_pretrained(tmp_path)
    one, other = score([folders[0], tmp_path], texts), score([tmp_path, folders[0]], texts)
    np.testing.assert_allclose(one.values.shares, other.values.shares, atol=1e-6)
    expected = (score(folders[:1], texts).values.shares + score([tmp_path], texts).values.shares) / 2
    np.testing.assert_allclose(one.values.shares, expected, atol=1e-6)


def test_readers_of_different_tokenizers_are_refused(folders, texts, tmp_path) -> None:
    other = bert_reader(tmp_path / "other")
    tokenizer = load_tokenizer(other)
    tokenizer.add_tokens(["newword"])
    tokenizer.save_pretrained(other)
    with pytest.raises(UserError, match="only over readers of one tokenizer"):
        score([folders[0], other], texts)


def test_a_question_with_a_separator_in_it_is_its_row_s_fault(folders, texts) -> None:
    found = score(folders, (["is [SEP] a word", *texts[0][1:]], texts[1]))
    assert found.faults == {0: "the question holds the separator token"}
    assert found.values.within(2).tolist() == [False, True, True]
