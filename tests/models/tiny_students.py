"""Tiny bases of three architectures with their tokenizers, as users have them on disk, and students cut from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertModel,
    RobertaConfig,
    RobertaModel,
)

from tiny_teachers import WORDS, bpe_tokenizer
from tmkd.models.build import student_from_base
from tmkd.models.shape import StudentShape
from tmkd.models.student import StudentForSequenceClassification

SHAPE = StudentShape(layers=1, pooling="match", freeze_embeddings=False, dropout=None, max_length=32)
HEADERS = ("golden", "soft:a", "soft:b")
CLASSES = ("no", "yes")
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}


def make_base(kind: str, folder: Path) -> Path:
    """Save a 3-layer encoder of 32 dimensions (``bert``, ``roberta`` or ``distilbert``) with random weights."""
    folder.mkdir(parents=True)
    tokenizer = bpe_tokenizer(roberta=True) if kind == "roberta" else _word_tokenizer(folder, kind)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    _model(kind, len(tokenizer)).save_pretrained(folder)
    return folder


def make_student(base: Path, headers=HEADERS, classes=CLASSES, **shape: Any) -> StudentForSequenceClassification:
    """Cut a student from ``base``; its weights, random headers included, come from a seed."""
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(base)
    return student_from_base(base, dataclasses.replace(SHAPE, **shape), headers, classes, tokenizer).eval()


def pair_batch(base: Path) -> dict[str, torch.Tensor]:
    """Return three question-passage pairs of different lengths, padded."""
    questions = ["search rank", "question index shard token", "teacher"]
    passages = ["passage model label array matrix", "vector column", "search rank passage question index shard row"]
    return dict(AutoTokenizer.from_pretrained(base)(questions, passages, padding=True, return_tensors="pt"))


def _model(kind: str, words: int):
    if kind == "bert":
        return BertModel(BertConfig(vocab_size=words, max_position_embeddings=64, **SIZES))
    if kind == "roberta":
        tokens = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "type_vocab_size": 1}
        return RobertaModel(RobertaConfig(vocab_size=words, max_position_embeddings=66, **tokens, **SIZES))
    sizes = {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64}
    return DistilBertModel(DistilBertConfig(vocab_size=words, max_position_embeddings=64, **sizes))


def _word_tokenizer(folder: Path, kind: str) -> BertTokenizer:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if kind == "bert" else [])
    return BertTokenizer(vocab=str(vocabulary), model_input_names=names)
