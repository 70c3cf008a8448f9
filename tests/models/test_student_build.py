"""A student is the bottom of its base, whatever the architecture."""

from __future__ import annotations

import pytest
import torch
from tiny_students import make_base, make_student, pair_batch
from transformers import AutoModel, AutoTokenizer

from tmkd.errors import UserError
from tmkd.models.base_check import check_base
from tmkd.models.build import freeze_embeddings

KINDS = ("bert", "roberta", "distilbert")


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    return {kind: make_base(kind, folder / kind) for kind in KINDS}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_the_encoder_is_the_bottom_layers_of_the_base_bit_for_bit(bases, kind: str, layers: int) -> None:
    student = make_student(bases[kind], layers=layers)
    twin = AutoModel.from_pretrained(bases[kind], num_hidden_layers=layers).eval()
    ours, theirs = student.encoder.state_dict(), twin.state_dict()
    assert set(ours) == {name for name in theirs if not name.startswith("pooler")}
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    batch = pair_batch(bases[kind])
    with torch.inference_mode():
        states = student.encoder(**batch).last_hidden_state
        assert torch.equal(states, twin(**batch).last_hidden_state)
        whole = AutoModel.from_pretrained(bases[kind]).eval()(**batch).last_hidden_state
    assert not torch.allclose(states, whole, atol=1e-3)  # the layers that were cut did something


def test_without_a_number_all_layers_are_kept(bases) -> None:
    assert make_student(bases["bert"], layers=None).config.num_hidden_layers == 3


@pytest.mark.parametrize("kind", KINDS)
def test_headers_see_the_base_s_separator_and_special_tokens(bases, kind: str) -> None:
    config = make_student(bases[kind]).config
    tokenizer = AutoTokenizer.from_pretrained(bases[kind])
    assert config.sep_token_id == tokenizer.sep_token_id and config.pad_token_id == tokenizer.pad_token_id
    assert {tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id} <= set(config.special_token_ids)
    assert tokenizer.unk_token_id not in config.special_token_ids  # an unknown word is a word of its text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dropout", "expected"), [(0.0, 0.0), (0.3, 0.3), (None, 0.1)])
def test_dropout_overrides_every_one_of_the_base_s(bases, kind: str, dropout, expected: float) -> None:
    student = make_student(bases[kind], dropout=dropout)
    rates = {module.p for module in student.encoder.modules() if isinstance(module, torch.nn.Dropout)}
    assert rates == {expected}


def test_freezing_touches_the_embeddings_and_nothing_else(bases) -> None:
    for kind in KINDS:
        student = make_student(bases[kind])
        frozen = freeze_embeddings(student)
        held = {name for name, parameter in student.named_parameters() if not parameter.requires_grad}
        assert held == {name for name, _ in student.named_parameters() if name.startswith("encoder.embeddings.")}
        assert frozen == sum(parameter.numel() for parameter in student.encoder.embeddings.parameters())


@pytest.mark.parametrize("layers", [0, 4])
def test_layers_that_the_base_has_not_are_refused_with_both_numbers(bases, layers: int) -> None:
    with pytest.raises(UserError, match=rf"student\.layers: {layers} layers asked for, but .*bert has 3; give 1 to 3"):
        check_base(bases["bert"], layers, 64, "student")
    check_base(bases["bert"], 3, 64, "student")
    check_base(bases["distilbert"], None, 64, "student")


def test_a_base_reads_no_more_than_it_has_positions_for(bases) -> None:
    with pytest.raises(UserError, match=r"student\.max_length: 100000 tokens, but .*bert reads at most \d+"):
        check_base(bases["bert"], 1, 100_000, "student")


def test_match_without_a_separator_token_is_refused(bases, tmp_path) -> None:
    AutoModel.from_pretrained(bases["bert"]).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(bases["bert"])
    tokenizer.sep_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"student\.pooling: match needs a separator token"):
        make_student(tmp_path)
    make_student(tmp_path, pooling="mean")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_base_saved_in_half_precision_makes_a_float32_student(bases, tmp_path, dtype) -> None:
    AutoModel.from_pretrained(bases["bert"]).to(dtype).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(bases["bert"]).save_pretrained(tmp_path)
    assert {parameter.dtype for parameter in make_student(tmp_path).parameters()} == {torch.float32}


@pytest.mark.parametrize("pooling", ["cls", "mean", "match"])
def test_a_student_brought_to_bfloat16_still_answers_in_float32(bases, pooling: str) -> None:
    student, batch = make_student(bases["bert"], pooling=pooling), pair_batch(bases["bert"])
    with torch.inference_mode():
        exact = student(**batch).logits
        rough = student.to(torch.bfloat16)(**batch).logits
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, atol=0.1, rtol=0)
