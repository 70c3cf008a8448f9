"""A model as every runtime sees it: one batch of padded inputs in, one row of numbers a text or pair out."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod

from torch import Tensor, nn
from transformers import PreTrainedModel

SEGMENTS_UNCOUNTED = ("funnel", "xlnet")
"""Architectures that compare the segments of two tokens, or whose config does not count them."""


class Network(nn.Module, ABC):
    """Wraps a Hugging Face model for scoring.

    Attributes:
        pooled: whether a row's numbers are of the whole text; else they are of each place, [max_length × …].
        model: the model; its inputs are ``input_ids``, ``attention_mask`` and, where it has segments,
            ``token_type_ids``.
    """

    pooled = True

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)
        self.takes_types = takes_types(model)

    @property
    @abstractmethod
    def width(self) -> int:
        """C, numbers a row."""

    @abstractmethod
    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        """Map model inputs, int64 [B, L] each, to scores [B, C]."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """Return scores, float32 [B, C]."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self.takes_types and token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        return self.outputs(inputs).float()

    @property
    def heads(self) -> list[nn.Module]:
        """What stands on the model and computes in fp32, whatever the encoder's format."""
        return []

    @property
    def parameter_count(self) -> int:
        """Weights of the model."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def vocabulary_size(self) -> int:
        """Token ids that the model has an embedding for."""
        return int(self.model.get_input_embeddings().weight.shape[0])


class ClassScores(Network):
    """Logits of a Hugging Face sequence classifier, [B, C]."""

    @property
    def width(self) -> int:
        return int(self.model.config.num_labels)

    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.model(**inputs).logits
        return logits


def takes_types(model: PreTrainedModel) -> bool:
    """Tell whether a model knows segments; one that does not, such as GPT-2, would take them for words."""
    in_forward = "token_type_ids" in inspect.signature(model.forward).parameters
    config = model.base_model.config
    segments = int(getattr(config, "type_vocab_size", 0) or 0)
    return in_forward and (segments > 1 or config.model_type in SEGMENTS_UNCOUNTED)
