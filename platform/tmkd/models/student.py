"""The student: the bottom layers of an encoder with one header for golden labels and one for every teacher.

Yang et al., "Model Compression with Two-stage Multi-teacher Knowledge Distillation for Web Question Answering
System", WSDM 2020, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from tmkd.models.headed import Student
from tmkd.models.pooling import cls_pool, masked_mean, match_pool, text_masks
from tmkd.models.student_config import AGGREGATE, GOLDEN, depth_of

INITIAL_COSINE_SCALE = 8.0


@dataclass
class StudentOutput(ModelOutput):
    """What the student says about a batch.

    Attributes:
        loss: never set by the student itself (objectives live in the training room).
        logits: float32 [B, C]; log O of Eq. (6) by default, so that softmax(logits) is the aggregate.
        golden_logits: float32 [B, C] of the golden header, or None without one.
        soft_logits: float32 [B, C] of every soft header, in the order of ``config.headers``.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    golden_logits: Tensor | None = None
    soft_logits: tuple[Tensor, ...] | None = None


class Header(nn.Module):
    """One linear header (Eq. 1 and 3); for ``match`` pooling a learned multiple of cos(q, p) is added.

    Args:
        features: width of the pooled vector.
        classes: C.
        has_cosine: whether the pooling gives a similarity. With two classes its weight starts at
            (-4, +4), so that the header ranks like a bi-encoder before its first step.
    """

    def __init__(self, features: int, classes: int, has_cosine: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        self.cosine = nn.Parameter(torch.zeros(classes)) if has_cosine else None
        self.reset(0.02)

    def reset(self, std: float) -> None:
        nn.init.normal_(self.linear.weight, std=std)
        nn.init.zeros_(self.linear.bias)
        if self.cosine is not None:
            half = INITIAL_COSINE_SCALE / 2 if self.cosine.numel() == 2 else 0.0
            with torch.no_grad():
                self.cosine.copy_(torch.linspace(-half, half, self.cosine.numel()))

    def forward(self, pooled: Tensor, cosine: Tensor | None) -> Tensor:
        logits: Tensor = self.linear(pooled.to(self.linear.weight.dtype)).float()  # loaded in half precision or not
        if self.cosine is not None and cosine is not None:
            logits = logits + cosine.unsqueeze(-1) * self.cosine
        return logits


class StudentForSequenceClassification(Student):
    """A truncated encoder that classifies pairs: C numbers from every header."""

    def new_header(self, hidden_size: int) -> Header:
        has_cosine = self.config.pooling == "match"
        return Header(hidden_size * (3 if has_cosine else 1), len(self.config.id2label or {}), has_cosine)

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, Header):
            module.reset(0.02)
        elif not any(module is header.linear for header in getattr(self, "headers", {}).values()):
            super()._init_weights(module)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        header: str | None = None,
        **_: Any,
    ) -> StudentOutput:
        """Score a batch of pairs.

        Args:
            input_ids: int64 [B, L].
            attention_mask: int64 [B, L]; all ones where not given.
            token_type_ids: int64 [B, L] for bases that use segment ids.
            header: which header gives ``.logits``; the config's own by default.

        Raises:
            ValueError: for a header that the student does not have, naming those it has.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        logits = self.header_logits(input_ids, attention_mask, token_type_ids)
        soft = tuple(value for name, value in logits.items() if name != GOLDEN)
        return StudentOutput(
            logits=self._answer(logits, header or self.config.header),
            golden_logits=logits.get(GOLDEN),
            soft_logits=soft,
        )

    def header_logits(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the float32 logits [B, C] of every header by name."""
        more: dict[str, Any] = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        depths = {name: depth_of(name) for name in self.config.headers}
        if any(depths.values()):
            more["output_hidden_states"] = True
        found = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more)
        with torch.autocast(input_ids.device.type, enabled=False):  # headers speak in fp32
            pooled = {}
            for depth in dict.fromkeys(depths.values()):
                hidden = found.hidden_states[depth] if depth else found.last_hidden_state  # [B, L, width]
                pooled[depth] = self._pool(hidden.float(), input_ids, attention_mask)
            return {name: self.header_module(name)(*pooled[depth]) for name, depth in depths.items()}

    def _pool(self, hidden: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor | None]:
        if self.config.pooling == "cls":
            return cls_pool(hidden), None
        if self.config.pooling == "mean":
            return masked_mean(hidden, attention_mask), None
        masks = text_masks(input_ids, attention_mask, self.config.sep_token_id, self.config.special_token_ids)
        return match_pool(hidden, *masks)

    def _answer(self, logits: dict[str, Tensor], header: str) -> Tensor:
        answering = [logits[name] for name in self.answering(header)]
        return aggregate(torch.stack(answering)) if header == AGGREGATE else answering[0]


def aggregate(logits: Tensor) -> Tensor:
    """Return log O of Eq. (6): the log of the mean of the headers' probabilities, [H, B, C] -> [B, C]."""
    return torch.logsumexp(torch.log_softmax(logits, dim=-1), dim=0) - math.log(logits.shape[0])
