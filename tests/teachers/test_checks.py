"""What cannot teach is refused with a message before anything is labelled."""

import json

import pytest

from tiny_teachers import bert_base, bert_classifier
from tmkd.config import parse
from tmkd.errors import UserError
from tmkd.fields import describe
from tmkd.runtimes.host import Host
from tmkd.teachers.classes import match_classes
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.teachers.kinds import KINDS

FP32 = Host("cpu", "fp32")


def test_a_base_without_head_is_no_classifier(tmp_path) -> None:
    folder = bert_base(tmp_path / "base")
    with pytest.raises(UserError, match=r"no classifier head \(its weights lack classifier.*train it first"):
        teacher_class("classifier").load(TeacherConfig(model=str(folder)), folder, FP32)


def test_damaged_weights_are_named(tmp_path) -> None:
    folder = bert_classifier(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"m/model\.safetensors: these safetensors weights are damaged or cut off"):
        teacher_class("classifier").load(TeacherConfig(model=str(folder)), folder, FP32)


def test_an_unknown_architecture_is_named(tmp_path) -> None:
    folder = bert_classifier(tmp_path / "m")
    tokenizer = load_tokenizer(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "no-such-model"}))
    with pytest.raises(UserError, match=r"config\.json cannot be used"):
        teacher_class("classifier").describe(TeacherConfig(model=str(folder)), folder, tokenizer)


def test_inputs_longer_than_the_model_reads(tmp_path) -> None:
    folder = bert_classifier(tmp_path / "m", max_position_embeddings=64)
    with pytest.raises(UserError, match=r"max_length 100: .*at most 64 tokens"):
        teacher_class("classifier").load(TeacherConfig(model=str(folder), max_length=100), folder, FP32)


def test_the_identity_changes_with_weights_and_settings(tmp_path) -> None:
    first, second = bert_classifier(tmp_path / "a"), bert_classifier(tmp_path / "b", seed=1)
    tokenizer = load_tokenizer(first)

    def identity(folder, host=FP32, **options):
        config = TeacherConfig(model=str(folder), **options)
        return teacher_class(config.kind).describe(config, folder, tokenizer).identity(config, host)

    base = identity(first)
    assert base == identity(first)
    assert {k for k in base if identity(second)[k] != base[k]} == {"weights"}
    assert {k for k in base if identity(first, Host("cpu", "bf16"))[k] != base[k]} == {"dtype"}
    assert {k for k in base if identity(first, question_pattern="(.*)")[k] != base[k]} == {"question_pattern"}
    assert {k for k in base if identity(first, batch_tokens=99)[k] != base[k]} == {"batch"}


def test_counts_that_cannot_go_together() -> None:
    with pytest.raises(UserError, match=r"teacher 't' gives 3 column.*c, n, e.*2 classes \(no, yes\)"):
        match_classes("t", 3, ["c", "n", "e"], ["no", "yes"])
    with pytest.raises(UserError, match=r"gives 1 column.*3 classes"):
        match_classes("t", 1, None, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"kind": "biencoder"}, r"unknown kind 'biencoder' \(did you mean 'bi_encoder'"),
        ({"max_length": 4096}, "max_length"),
        ({"question_pattern": "abc"}, "has no group"),
        ({"question_pattern": "(abc"}, "not a regular expression"),
        ({"resources": {"actors": 0}}, "at least one actor"),
        ({"resources": {"actors": {"min": 3, "max": 2}}}, "min 3 is above max 2"),
        ({"resources": {"device": "cpu", "gpus_per_actor": 1}}, "do not go together"),
        ({"resources": {"device": "cuda", "gpus_per_actor": 0}}, "do not go together"),
        ({"resources": {"gpus_per_actor": -1}}, "-1 is not between 0 and 1,000"),
        ({"batch_tokens": 0}, "at least one token"),
        ({"precison": "fp32"}, "did you mean 'precision'"),
    ],
)
def test_config_faults(tree: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(TeacherConfig, {"model": "m"} | tree, "recipe")


@pytest.mark.parametrize(
    "resources",
    [
        {}, {"actors": 2}, {"actors": {"max": 4}}, {"device": "cpu"}, {"device": "cuda"}, {"gpus_per_actor": 0},
        {"gpus_per_actor": 0.5}, {"device": "cuda", "gpus_per_actor": 0.25}, {"device": "cpu", "gpus_per_actor": 0},
    ],
)  # fmt: skip
def test_config_that_is_right(resources: dict) -> None:
    parse(TeacherConfig, {"model": "m", "resources": resources}, "recipe")


def test_every_field_says_what_it_means() -> None:
    assert all(field.meaning for field in describe(TeacherConfig))
    assert set(KINDS) == {"classifier", "bi_encoder", "span_reader"}
