"""From stage to stage: the encoder always goes along, a header only where its teachers and classes are the same."""

from __future__ import annotations

import pytest
import torch
from tiny_students import CLASSES, make_base, make_student

from tmkd.models.build import inherit

SOFT = ["soft:a", "soft:b"]
SOURCES = {"soft:a": "print of a", "soft:b": "print of b"}


@pytest.fixture
def parent(tmp_path):
    """Return a student after stage 1: two soft headers, trained."""
    student = make_student(make_base("bert", tmp_path / "bert"), headers=SOFT)
    student.config.trained_headers, student.config.sources = list(SOFT), dict(SOURCES)
    return student


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in pairs)


def test_stage_2_keeps_encoder_and_soft_headers_and_starts_golden_as_their_mean(parent) -> None:
    child, anew = inherit(parent, ["golden", *SOFT], SOURCES, CLASSES)
    assert anew == ["golden"]
    assert same(child.encoder, parent.encoder)
    assert all(same(child.header_module(name), parent.header_module(name)) for name in SOFT)
    for name, value in child.header_module("golden").state_dict().items():
        both = [parent.header_module(soft).state_dict()[name] for soft in SOFT]
        torch.testing.assert_close(value, (both[0] + both[1]) / 2)
    assert child.config.headers == ["golden", *SOFT] and child.config.trained_headers == SOFT


def test_a_header_whose_teacher_has_changed_starts_anew(parent) -> None:
    child, anew = inherit(parent, ["golden", *SOFT], SOURCES | {"soft:b": "other weights"}, CLASSES)
    assert anew == ["golden", "soft:b"]
    assert same(child.header_module("soft:a"), parent.header_module("soft:a"))
    assert not same(child.header_module("soft:b"), parent.header_module("soft:b"))
    assert same(child.header_module("golden"), parent.header_module("soft:a"))  # the mean of those inherited
    assert child.config.trained_headers == ["soft:a"]


def test_with_other_classes_only_the_encoder_goes_along(parent) -> None:
    child, anew = inherit(parent, ["golden", *SOFT], SOURCES, ("entailment", "neutral", "contradiction"))
    assert anew == ["golden", *SOFT] and child.config.trained_headers == []
    assert same(child.encoder, parent.encoder)
    assert child.header_module("soft:a").linear.out_features == 3
    assert child.config.id2label == {0: "entailment", 1: "neutral", 2: "contradiction"} and child.config.num_labels == 3


def test_a_header_keeps_the_meaning_of_its_columns_where_classes_are_ordered_otherwise(parent) -> None:
    child, anew = inherit(parent, SOFT, SOURCES, ("yes", "no"))
    assert anew == [] and child.config.id2label == {0: "yes", 1: "no"}
    before, after = (model.header_module("soft:a") for model in (parent, child))
    assert torch.equal(after.linear.weight, before.linear.weight.flip(0))
    assert torch.equal(after.linear.bias, before.linear.bias.flip(0))
    assert torch.equal(after.cosine, before.cosine.flip(0))


def test_as_many_classes_of_other_names_are_other_classes(parent) -> None:
    _, anew = inherit(parent, ["golden", *SOFT], SOURCES, ("cat", "dog"))
    assert anew == ["golden", *SOFT]


def test_a_header_that_was_never_trained_is_not_inherited(parent) -> None:
    parent.config.trained_headers = ["soft:a"]
    _, anew = inherit(parent, SOFT, SOURCES, CLASSES)
    assert anew == ["soft:b"]


def test_a_new_teacher_gets_a_new_header(parent) -> None:
    child, anew = inherit(parent, [*SOFT, "soft:c"], SOURCES | {"soft:c": "print of c"}, CLASSES)
    assert anew == ["soft:c"] and child.config.headers == [*SOFT, "soft:c"]


def test_a_trained_golden_header_is_kept_and_not_averaged_again(parent) -> None:
    before, _ = inherit(parent, ["golden", *SOFT], SOURCES, CLASSES)
    with torch.no_grad():
        before.header_module("golden").linear.bias += 1
    before.config.trained_headers = ["golden", *SOFT]
    child, anew = inherit(before, ["golden", *SOFT], SOURCES, CLASSES)
    assert anew == [] and same(child.header_module("golden"), before.header_module("golden"))


def test_the_parent_is_left_as_it_was(parent) -> None:
    inherit(parent, ["golden"], {}, ("x", "y", "z"))
    assert parent.config.headers == SOFT and parent.config.num_labels == 2
    assert parent.config.trained_headers == SOFT
