"""A super-student's depths are plain students, bit for bit, and a base for which that is not so is refused."""

from __future__ import annotations

import pytest
import torch
from tiny_students import HEADERS, make_base, make_student, pair_batch
from transformers import GPT2Config, GPT2Model

from tmkd.errors import UserError
from tmkd.models.depths import check_depths, cut
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import at_depth, depth_of, without_depth

DEPTHS = (1, 2, 3)


@pytest.fixture(scope="module", params=["bert", "roberta", "distilbert"])
def base(request, tmp_path_factory):
    return make_base(request.param, tmp_path_factory.mktemp("depths") / "base")


@pytest.fixture(scope="module")
def deep(base) -> StudentForSequenceClassification:
    headers = [at_depth(name, depth) for depth in DEPTHS for name in HEADERS]
    student = make_student(base, headers, layers=3)
    student.config.trained_headers = [name for name in headers if not name.startswith("golden")]
    student.config.sources = {name: f"made of {without_depth(name)}" for name in headers}
    return student


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_depth_cut_out_says_what_its_headers_said(base, deep, depth: int, tmp_path) -> None:
    batch = pair_batch(base)
    plain = cut(deep, depth).eval()
    plain.save_pretrained(tmp_path)
    loaded = StudentForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        whole, alone = deep.header_logits(**batch), loaded.header_logits(**batch)
    assert list(alone) == list(HEADERS)
    for name, logits in alone.items():
        assert torch.equal(logits, whole[at_depth(name, depth)])
    assert loaded.config.num_hidden_layers == depth
    assert loaded.config.trained_headers == ["soft:a", "soft:b"]
    assert loaded.config.sources["soft:a"] == "made of soft:a"
    assert sum(p.numel() for p in loaded.parameters()) < sum(p.numel() for p in deep.parameters())


def test_a_header_moves_only_the_layers_below_it(base, deep) -> None:
    deep.zero_grad()
    deep.header_logits(**pair_batch(base))[at_depth("soft:a", 2)].sum().backward()
    moved = {name for name, parameter in deep.named_parameters() if parameter.grad is not None and ".layer." in name}
    layers = {int(name.split(".layer.")[1].split(".")[0]) for name in moved}
    assert layers == {0, 1}


def test_names_of_headers_at_a_depth() -> None:
    assert at_depth("soft:a", 4) == "soft:a@4"
    assert (depth_of("soft:a@4"), depth_of("soft:a")) == (4, None)
    assert (without_depth("soft:a@4"), without_depth("golden")) == ("soft:a", "golden")


def test_a_depth_without_headers_is_refused(base, deep) -> None:
    with pytest.raises(ValueError, match="no header after 4 layers"):
        cut(deep, 4)


def test_a_base_with_something_behind_its_last_layer_is_refused(base, tmp_path) -> None:
    check_depths(base, "search.super_student")
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "vocab_size": 50}
    GPT2Model(GPT2Config(**sizes)).save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"search\.super_student: the first layer of .* set it to false"):
        check_depths(tmp_path, "search.super_student")
