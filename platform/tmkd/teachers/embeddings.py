"""The network of a bi-encoder: embeddings of single texts, as their folder says."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tmkd.runtimes.base import FloatArray
from tmkd.runtimes.network import Network
from tmkd.teachers.sentence_folder import Module
from tmkd.teachers.sentence_modules import build_module
from tmkd.teachers.sentence_pooling import pool

JOIN = "+"
"""Between the names of poolings whose vectors are put one after the other."""


class Embeddings(Network):
    """Embeddings of single texts, [B, H]; of length 1 where their cosine is wanted.

    Args:
        model: the encoder.
        facts: of the teacher's card: ``pooling``, and ``similarity`` and ``dimensions`` where they are not the usual.
        modules: that follow the pooling.
    """

    def __init__(self, model: PreTrainedModel, facts: dict[str, Any], modules: tuple[Module, ...] = ()) -> None:
        super().__init__(model)
        self.modes = str(facts["pooling"]).split(JOIN)
        special = {key: facts[key] for key in ("modules", "similarity", "dimensions") if key in facts}
        self.pooling: Any = [facts["pooling"], special] if special else facts["pooling"]  # names its exported graph
        self.after = nn.ModuleList(build_module(module) for module in modules).eval().requires_grad_(False)
        self.has_unit_length = facts.get("similarity", "cosine") == "cosine"
        self.dimensions: int | None = facts.get("dimensions")

    @property
    def width(self) -> int:
        pooled = torch.zeros(1, int(self.model.config.hidden_size) * len(self.modes))
        with torch.inference_mode():
            return int(self._finish(pooled).shape[1])

    @property
    def heads(self) -> list[nn.Module]:
        return list(self.after)

    def outputs(self, inputs: dict[str, Tensor]) -> Tensor:
        hidden = self.model(**inputs).last_hidden_state.float()  # [B, L, H]
        pooled = [pool(mode, hidden, inputs["attention_mask"]) for mode in self.modes]
        return self._finish(pooled[0] if len(pooled) == 1 else torch.cat(pooled, dim=-1))

    def _finish(self, vectors: Tensor) -> Tensor:
        for module in self.after:
            vectors = module(vectors)
        vectors = vectors[:, : self.dimensions] if self.dimensions else vectors
        return nn.functional.normalize(vectors, dim=-1) if self.has_unit_length else vectors


def similarity(name: str, left: FloatArray, right: FloatArray) -> FloatArray:
    """Return the similarity [n, 1] of two columns of embeddings [n, H]; distances are negative, so that more is alike.

    A cosine is that of embeddings of length 1.
    """
    if name == "euclidean":
        return -np.sqrt(np.square(left - right).sum(axis=1))[:, None]
    if name == "manhattan":
        return -np.abs(left - right).sum(axis=1)[:, None]
    return np.einsum("nh,nh->n", left, right)[:, None]
