"""The model that a stage starts from, and what is written down when it ends."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertForSequenceClassification

from tiny_stages import SHAPE, make_world, stage
from tmkd.training.model import HeadersOf, build, finish


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("models"), shards=1)


def weights(model) -> list:
    return list(model.state_dict().values())


def test_every_worker_builds_the_same_student(world) -> None:
    (one, _, anew), _ = build(stage(world, "x").spec, world.workspace), torch.rand(3)
    two, _, _ = build(stage(world, "x").spec, world.workspace)
    other, _, _ = build(stage(world, "x", seed=1).spec, world.workspace)
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(two), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert anew == ["soft:a", "soft:b"] and one.config.max_pair_length == 24


def test_frozen_embeddings_are_left_out_of_training(world) -> None:
    shape = dataclasses.replace(SHAPE, freeze_embeddings=True)
    model, _, _ = build(stage(world, "x", shape=shape).spec, world.workspace)
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert frozen and all(name.startswith("encoder.embeddings.") for name in frozen)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_a_shape_the_folder_is_trained_as_the_classifier_it_is(world, tmp_path, dtype) -> None:
    AutoModel.from_pretrained(world.base).to(dtype).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(world.base).save_pretrained(tmp_path)
    teacher = stage(world, "x", shape=None, base=str(tmp_path), classes=("a", "b", "c"), golden=True, signals={})
    model, tokenizer, _ = build(teacher.spec, world.workspace)
    assert isinstance(model, BertForSequenceClassification)
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"} and model.config.label2id == {"a": 0, "b": 1, "c": 2}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}  # half precision would not learn
    batch = tokenizer(["w1 w2"], ["w3"], return_tensors="pt")
    with torch.inference_mode():
        assert torch.equal(HeadersOf(model)(dict(batch))["golden"], model(**batch).logits)


def test_a_head_that_is_there_is_trained_on_in_the_corpus_s_order_of_classes(world, tmp_path) -> None:
    names = {0: "entailment", 1: "neutral", 2: "contradiction"}
    had = BertForSequenceClassification.from_pretrained(world.base, num_labels=3, id2label=names)
    had.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(world.base).save_pretrained(tmp_path)
    options = {"shape": None, "base": str(tmp_path), "golden": True, "signals": {}}
    for classes, order in ((("contradiction", "neutral", "entailment"), [2, 1, 0]), (tuple("abc"), [0, 1, 2])):
        model, _, _ = build(stage(world, "x", classes=classes, **options).spec, world.workspace)
        assert torch.equal(model.classifier.weight, had.classifier.weight[order])
        assert torch.equal(model.classifier.bias, had.classifier.bias[order])
        assert model.config.id2label == dict(enumerate(classes))


def test_a_single_logit_counts_as_the_logits_of_two_classes(world) -> None:
    model = BertForSequenceClassification.from_pretrained(world.base, num_labels=1).eval()
    batch = dict(AutoTokenizer.from_pretrained(world.base)(["w1 w2"], ["w3"], return_tensors="pt"))
    with torch.inference_mode():
        logits = HeadersOf(model)(batch)["golden"]
        torch.testing.assert_close(logits.softmax(1)[:, 1], model(**batch).logits[:, 0].sigmoid())


def test_finishing_notes_the_trained_headers_and_their_teachers(world) -> None:
    first = stage(world, "x")
    model, _, _ = build(first.spec, world.workspace)
    finish(model, first.spec)
    assert model.config.trained_headers == ["soft:a", "soft:b"]
    assert model.config.sources == {"soft:a": "made by a", "soft:b": "made by b"}
    model.config.headers = ["golden", "soft:a", "soft:b"]
    finish(model, stage(world, "x", golden=True).spec)
    assert model.config.trained_headers == ["golden", "soft:a", "soft:b"]  # Eq. 6: all N + 1 after stage 2
