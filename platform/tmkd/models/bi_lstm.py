"""The Bi-LSTM over word vectors of Yang et al. (WSDM 2020), 4.4, as an encoder like any other.

A student is cut from it as from BERT: its bottom layers and a header for every teacher. It reads question and passage
as one sequence, so that the passage's states know the question.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput
from transformers.modeling_utils import PreTrainedModel

from tmkd.models.bi_lstm_config import BiLstmConfig


class BiLstmModel(PreTrainedModel):
    """Word vectors and layers of LSTMs in both directions."""

    config_class = BiLstmConfig
    base_model_prefix = "lstm"
    _supports_sdpa = _supports_attention_backend = True  # it has no attention, so any way to compute it will do

    def __init__(self, config: BiLstmConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        self.layers = nn.LSTM(
            config.embedding_size, config.lstm_size, config.num_hidden_layers, batch_first=True, bidirectional=True,
            dropout=config.dropout if config.num_hidden_layers > 1 else 0.0,
        )  # fmt: skip
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Leave torch's own start: normal vectors, uniform LSTM weights (paper: words without a vector are normal)."""

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **_: Any) -> BaseModelOutput:
        """Return the states of every token.

        Args:
            input_ids: int64 [B, L], padded on the right.
            attention_mask: int64 [B, L]; all ones where not given.

        Returns:
            ``last_hidden_state`` float [B, L, 2 × lstm_size], 0 where there is padding.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        lengths = attention_mask.sum(dim=1).clamp(min=1).cpu()
        with torch.autocast(input_ids.device.type, enabled=False):  # in half precision it is slower on CPUs
            words = self.embeddings(input_ids)  # [B, L, E]
            packed = nn.utils.rnn.pack_padded_sequence(words, lengths, batch_first=True, enforce_sorted=False)
            states = self.layers(packed)[0]
            hidden = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=input_ids.shape[1])[0]
        return BaseModelOutput(last_hidden_state=hidden)
