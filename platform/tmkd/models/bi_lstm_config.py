"""The Hugging Face config of the Bi-LSTM; read without its classes, which cost imports."""

from __future__ import annotations

from typing import Any

from transformers.configuration_utils import PretrainedConfig

from tmkd.models.registration import REGISTRATION
from tmkd.tasks.base import load_part


class BiLstmConfig(PretrainedConfig):
    """Config of `BiLstmModel`.

    Args:
        vocab_size: words, special tokens included.
        embedding_size: numbers of a word vector.
        lstm_size: hidden units of each direction.
        num_hidden_layers: layers.
        dropout: on what each layer but the first reads.
    """

    model_type = "tmkd_bi_lstm"

    def __init__(
        self,
        vocab_size: int = 15_000,
        embedding_size: int = 300,
        lstm_size: int = 256,
        num_hidden_layers: int = 2,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.lstm_size = lstm_size
        self.num_hidden_layers = num_hidden_layers
        self.dropout = dropout
        super().__init__(**kwargs)
        load_part(REGISTRATION)()

    @property
    def hidden_size(self) -> int:
        """Width of a token's state: both directions."""
        return 2 * self.lstm_size
