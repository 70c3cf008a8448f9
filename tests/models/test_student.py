"""The student's answers against the paper: headers (Eq. 1, 3), the aggregate (Eq. 6), and which header speaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_students import CLASSES, HEADERS, make_base, make_student, pair_batch

from tmkd.models.student import INITIAL_COSINE_SCALE, Header, aggregate


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_base("bert", tmp_path_factory.mktemp("student") / "bert")


def softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def answer(student, base, **options):
    with torch.inference_mode():
        return student(**pair_batch(base), **options)


def linear(student, name: str) -> tuple[np.ndarray, np.ndarray]:
    module = student.header_module(name).linear
    return module.weight.detach().double().numpy(), module.bias.detach().double().numpy()


def test_header_logits_are_eq_1_and_eq_3_on_the_first_token(base) -> None:
    student = make_student(base, pooling="cls")
    with torch.inference_mode():
        h1 = student.encoder(**pair_batch(base)).last_hidden_state[:, 0].double().numpy()
    said = answer(student, base)
    by_name = dict(zip(HEADERS, [said.golden_logits, *said.soft_logits], strict=True))
    for name, logits in by_name.items():
        weight, bias = linear(student, name)
        np.testing.assert_allclose(softmax(logits.double().numpy()), softmax(h1 @ weight.T + bias), atol=1e-6)
        np.testing.assert_allclose(logits.numpy(), h1 @ weight.T + bias, atol=1e-6)


def test_match_headers_add_a_multiple_of_the_cosine(base) -> None:
    student = make_student(base)
    header = student.header_module("soft:a")
    assert header.cosine.tolist() == [-INITIAL_COSINE_SCALE / 2, INITIAL_COSINE_SCALE / 2]
    batch = pair_batch(base)
    with torch.inference_mode():
        hidden = student.encoder(**batch).last_hidden_state
        features, cosine = student._pool(hidden, batch["input_ids"], batch["attention_mask"])
        by_hand = header.linear(features).numpy() + cosine.numpy()[:, None] * np.array([-4.0, 4.0])
    np.testing.assert_allclose(answer(student, base).soft_logits[0].numpy(), by_hand, atol=1e-5)


def test_with_more_than_two_classes_the_cosine_starts_without_an_opinion() -> None:
    assert Header(6, 3, has_cosine=True).cosine.tolist() == [0, 0, 0]
    assert Header(6, 3, has_cosine=False).cosine is None


@pytest.mark.parametrize("headers", [1, 2, 4])
def test_the_aggregate_is_the_log_of_eq_6(headers: int) -> None:
    logits = np.random.default_rng(headers).normal(scale=5, size=(headers, 7, 3))
    expected = softmax(logits).mean(0)
    result = aggregate(torch.tensor(logits)).numpy()
    np.testing.assert_allclose(np.exp(result), expected, atol=1e-12)


def test_the_aggregate_stays_finite_where_probabilities_underflow() -> None:
    logits = torch.tensor([[[0.0, 300.0]], [[0.0, 250.0]]])
    assert aggregate(logits).isfinite().all()


@pytest.mark.parametrize("pooling", ["cls", "mean", "match"])
def test_softmax_of_the_logits_is_eq_6_over_golden_and_soft_headers(base, pooling: str) -> None:
    student = make_student(base, pooling=pooling)
    student.config.trained_headers = list(HEADERS)
    said = answer(student, base)
    each = np.stack([softmax(h.double().numpy()) for h in (said.golden_logits, *said.soft_logits)])
    expected = each.sum(0) / (len(said.soft_logits) + 1)
    np.testing.assert_allclose(softmax(said.logits.double().numpy()), expected, atol=1e-6)
    assert said.logits.dtype == torch.float32 and said.loss is None


def test_the_aggregate_averages_only_the_headers_trained_so_far(base) -> None:
    student = make_student(base)
    student.config.trained_headers = ["soft:a", "soft:b"]
    said = answer(student, base)
    expected = np.mean([softmax(h.double().numpy()) for h in said.soft_logits], axis=0)
    np.testing.assert_allclose(softmax(said.logits.double().numpy()), expected, atol=1e-6)


def test_any_header_can_be_asked_for_by_call_or_by_config(base) -> None:
    student = make_student(base)
    said = answer(student, base)
    expected = dict(zip(HEADERS, (said.golden_logits, *said.soft_logits), strict=True))
    for name, logits in expected.items():
        assert torch.equal(answer(student, base, header=name).logits, logits)
    student.config.header = "soft:b"
    assert torch.equal(answer(student, base).logits, expected["soft:b"])
    assert torch.equal(answer(student, base, header="aggregate").logits, said.logits)


def test_an_unknown_header_is_refused_with_those_there_are(base) -> None:
    with pytest.raises(ValueError, match=r"header 'soft:c'.*did you mean 'soft:.'.*\['aggregate', 'golden', 'soft:a'"):
        answer(make_student(base), base, header="soft:c")


def test_without_a_golden_header_there_are_no_golden_logits(base) -> None:
    said = answer(make_student(base, headers=["soft:a"]), base)
    assert said.golden_logits is None and len(said.soft_logits) == 1
    np.testing.assert_allclose(softmax(said.logits.numpy()), softmax(said.soft_logits[0].numpy()), atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("pooling", ["cls", "mean", "match"])
def test_a_pair_scores_the_same_alone_and_among_longer_ones(tmp_path, kind: str, pooling: str) -> None:
    base = make_base(kind, tmp_path / kind)
    student, batch = make_student(base, pooling=pooling), pair_batch(base)
    together = answer(student, base).logits
    with torch.inference_mode():
        for row, length in enumerate(batch["attention_mask"].sum(1)):
            alone = student(**{name: value[row : row + 1, :length] for name, value in batch.items()}).logits
            torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)


def test_classes_carry_their_names(base) -> None:
    config = make_student(base).config
    assert config.id2label == dict(enumerate(CLASSES)) and config.label2id == {"no": 0, "yes": 1}
    assert config.num_labels == 2 and config.num_hidden_layers == 1 and config.hidden_size == 32
