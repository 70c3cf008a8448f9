"""Scores are those that transformers gives one pair at a time, whatever a model does with padding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

from tiny_teachers import WORDS, bert_classifier, sentence
from tmkd.errors import UserError
from tmkd.models.positions import readable_tokens
from tmkd.runtimes.host import Host
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.tokens import tokenize

SPECIAL = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>"]
UNK, BOS, EOS, CLS, SEP, PAD = range(6)
TEMPLATES = {
    "first": ("<cls> $A <sep>", "<cls> $A <sep> $B:1 <sep>:1"),
    "last": ("$A <sep> <cls>:2", "$A <sep> $B:1 <sep>:1 <cls>:2"),
    "end": ("$A </s>", "$A </s> $B </s>"),
    "none": ("$A", "$A $B"),
}
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
HEADS = {"num_key_value_heads": 2, "head_dim": 8}
XLNET = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}
FUNNEL = {"d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 48, "block_sizes": [1, 1]}
T5 = {"d_model": 32, "d_kv": 8, "num_layers": 2, "num_heads": 4, "d_ff": 48, "decoder_start_token_id": 0}
ARCHITECTURES = {
    "XLNet": ("last", True, XLNET),
    "Funnel": ("last", True, FUNNEL),
    "FNet": ("first", True, SIZES),
    "Yoso": ("first", False, SIZES),
    "Nystromformer": ("first", True, SIZES),
    "ConvBert": ("first", True, SIZES),
    "Electra": ("first", True, SIZES),
    "Albert": ("first", True, SIZES),
    "DebertaV2": ("first", False, SIZES),
    "MPNet": ("first", False, SIZES),
    "ModernBert": ("first", False, SIZES),
    "RoFormer": ("first", True, SIZES),
    "T5": ("end", False, T5),
    "GPT2": ("none", False, {"n_embd": 32, "n_layer": 2, "n_head": 4}),
    "Llama": ("none", False, SIZES | HEADS),
}
LEFT = ("XLNet", "GPT2", "Llama")


def tokenizer_of(template: str, typed: bool, left: bool) -> PreTrainedTokenizerFast:
    made = Tokenizer(models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(WORDS, trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))
    single, pair = TEMPLATES[template]
    ids = [(token, made.token_to_id(token)) for token in SPECIAL if token in pair]
    made.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=ids)
    names = ["input_ids", *(["token_type_ids"] if typed else []), "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=made, cls_token="<cls>", sep_token="<sep>", pad_token="<pad>", unk_token="<unk>",
        bos_token="<s>", eos_token="</s>", padding_side="left" if left else "right", model_input_names=names,
    )  # fmt: skip


def classifier(kind: str, folder: Path) -> Path:
    template, typed, sizes = ARCHITECTURES[kind]
    tokenizer = tokenizer_of(template, typed, kind in LEFT)
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer), num_labels=2, pad_token_id=PAD, bos_token_id=BOS, eos_token_id=EOS, **sizes
    )
    for name, token in (("cls_token_id", CLS), ("sep_token_id", SEP)):
        setattr(config, name, token)
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(4)
    return [sentence(rng, 1, 6) for _ in range(16)], [sentence(rng, 1, 25) for _ in range(16)]


@pytest.mark.parametrize("kind", list(ARCHITECTURES))
def test_scores_are_those_of_one_pair_at_a_time(kind: str, tmp_path, texts) -> None:
    folder = classifier(kind, tmp_path / kind)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        expected = np.concatenate(
            [
                model(**tokenizer(q, p, truncation=True, max_length=32, return_tensors="pt")).logits.numpy()
                for q, p in zip(*texts, strict=True)
            ]
        )
    config = TeacherConfig(model=str(folder), batch_tokens=400, max_length=32)
    columns = [tokenize(load_tokenizer(folder), column) for column in texts]
    found = teacher_class("classifier").load(config, folder, Host("cpu", "fp32")).score(*columns)
    assert not found.faults and np.std(expected, axis=0).min() > 1e-4
    np.testing.assert_allclose(found.values, expected, atol=1e-3 * np.ptp(expected) + 1e-6)


@pytest.mark.parametrize("limit", [-1, None, 1e30, 10**15])
def test_no_limit_is_written_in_several_ways(limit) -> None:
    config = transformers.PreTrainedConfig()
    config.max_position_embeddings = limit
    assert readable_tokens(config) is None


def test_positions_that_are_counted_from_the_padding_token_are_fewer() -> None:
    tokens = {"max_position_embeddings": 130, "pad_token_id": 1}
    for kind in ("Roberta", "XLMRoberta", "MPNet", "Data2VecText"):
        assert readable_tokens(getattr(transformers, f"{kind}Config")(**tokens)) == 128
    assert readable_tokens(transformers.BertConfig(max_position_embeddings=130)) == 130


def test_a_limit_that_is_no_number_is_refused() -> None:
    config = transformers.PreTrainedConfig()
    for wrong in ("512", True, float("nan"), [512]):
        config.max_position_embeddings = wrong
        with pytest.raises(UserError, match=r"config\.json: max_position_embeddings is"):
            readable_tokens(config)


def test_a_model_that_cannot_score_a_short_text_is_named(tmp_path) -> None:
    """A tokenizer of three segments in front of a model of two."""
    folder = bert_classifier(tmp_path / "m", type_vocab_size=2)
    tokenizer_of("last", True, False).save_pretrained(folder)
    with pytest.raises(UserError, match="fails on a short text"):
        teacher_class("classifier").load(TeacherConfig(model=str(folder)), folder, Host("cpu", "fp32"))
