"""A base for the Bi-LSTM student: a vocabulary of the corpus's own words, and vectors for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tmkd.console import note
from tmkd.errors import UserError
from tmkd.models.bi_lstm import BiLstmModel
from tmkd.models.bi_lstm_config import BiLstmConfig

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


@dataclass(frozen=True)
class WordShape:
    """What the base is made of.

    Attributes:
        words: of the vocabulary, the most frequent ones.
        embedding_size: numbers of a word vector.
        lstm_size: hidden units of each direction.
        layers: of the LSTM.
    """

    words: int
    embedding_size: int
    lstm_size: int
    layers: int


def word_tokenizer(texts: Iterable[str], words: int) -> PreTrainedTokenizerBase:
    """Return a tokenizer of the most frequent lower-cased words and punctuation marks of some texts."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordLevel(unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordLevelTrainer(vocab_size=words, special_tokens=list(SPECIAL.values()))
    tokenizer.train_from_iterator(texts, trainer)
    around = [SPECIAL["cls_token"], SPECIAL["sep_token"]]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in around],
    )  # fmt: skip
    names = ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=names, **SPECIAL)


def make_word_base(folder: Path, texts: Iterable[str], shape: WordShape, vectors: Path | None, seed: int) -> None:
    """Save a Bi-LSTM with random layers and a tokenizer for it, a Hugging Face folder.

    Args:
        folder: where to.
        texts: of the corpus, for its words.
        shape: what it is made of.
        vectors: a GloVe text file for the words that it has; the others are drawn from a normal distribution.
        seed: of all that is drawn.

    Raises:
        UserError: if the vectors cannot be read or have another width.
    """
    tokenizer = word_tokenizer(texts, shape.words)
    torch.manual_seed(seed)
    config = BiLstmConfig(len(tokenizer), shape.embedding_size, shape.lstm_size, shape.layers)
    model = BiLstmModel(config)
    found = read_vectors(vectors, set(tokenizer.get_vocab()), shape.embedding_size) if vectors else {}
    if found:
        spread = float(np.std(list(found.values())))
        with torch.no_grad():
            model.embeddings.weight.mul_(spread)  # those that are drawn are as long as those that are given
            for word, index in tokenizer.get_vocab().items():
                if word in found:
                    model.embeddings.weight[index] = torch.from_numpy(found[word])
        note(f"  {vectors}: vectors for {len(found):,} of {len(tokenizer):,} words")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def read_vectors(path: Path, words: set[str], width: int) -> dict[str, npt.NDArray[np.float32]]:
    """Read the vectors of some words from a GloVe text file: a word and ``width`` numbers a line.

    Raises:
        UserError: naming the file, the line and what is wrong.
    """
    found: dict[str, npt.NDArray[np.float32]] = {}
    try:
        with path.expanduser().open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                parts = line.rstrip().split(" ")
                word, values = " ".join(parts[:-width]), parts[-width:]  # some "words" of GloVe have blanks in them
                if not word or len(values) < width:
                    raise UserError(
                        f"{path}: line {number} has {len(parts) - 1} numbers, but student.bi_lstm.embedding is {width}"
                    )
                if word in words:
                    found[word] = np.array(values, dtype=np.float32)
    except OSError as error:
        raise UserError(f"student.bi_lstm.vectors: {path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path}: line {number} is no word with {width} numbers ({error})") from None
    return found
