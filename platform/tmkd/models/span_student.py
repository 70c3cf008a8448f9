"""The span student: the bottom layers of an encoder with a start and an end header for golden answers and every reader.

The headers of Yang et al. (WSDM 2020, 3.2) over the pointers of a span reader, as Devlin et al. (NAACL 2019) put them
on an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from tmkd.models.headed import Student
from tmkd.models.student import aggregate
from tmkd.models.student_config import AGGREGATE


@dataclass
class SpanStudentOutput(ModelOutput):
    """What the span student says about a batch.

    Attributes:
        loss: never set by the student itself (objectives live in the training room).
        start_logits: float32 [B, L]; by default the log of the mean of the headers' probabilities over all tokens.
        end_logits: float32 [B, L].
        attentions: of every layer, float [B, H, L, L], where they were asked for.
    """

    loss: Tensor | None = None
    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    attentions: tuple[Tensor, ...] | None = None


class StudentForQuestionAnswering(Student):
    """A truncated encoder that points: two numbers a token from every header."""

    def new_header(self, hidden_size: int) -> nn.Linear:
        return nn.Linear(hidden_size, 2)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        header: str | None = None,
        output_attentions: bool = False,
        **_: Any,
    ) -> SpanStudentOutput:
        """Read a batch of questions and contexts.

        Args:
            input_ids: int64 [B, L].
            attention_mask: int64 [B, L]; all ones where not given.
            token_type_ids: int64 [B, L] for bases that use segment ids.
            header: which header answers; the config's own by default.
            output_attentions: whether ``.attentions`` is filled; needs the eager attention implementation.

        Raises:
            ValueError: for a header that the student does not have, naming those it has.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        logits, attentions = self.header_logits(input_ids, attention_mask, token_type_ids, output_attentions)
        start, end = self._answer(logits, attention_mask, header or self.config.header).unbind(dim=-1)
        return SpanStudentOutput(start_logits=start, end_logits=end, attentions=attentions)

    def header_logits(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[dict[str, Tensor], tuple[Tensor, ...] | None]:
        """Return the float32 logits [B, L, 2] of every header by name, and the attentions if asked for."""
        more: dict[str, Any] = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        if output_attentions:
            more["output_attentions"] = True
        found = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more)
        hidden = found.last_hidden_state
        with torch.autocast(hidden.device.type, enabled=False):
            logits = {name: self._point(name, hidden) for name in self.config.headers}
        return logits, found.attentions if output_attentions else None

    def _point(self, name: str, hidden: Tensor) -> Tensor:
        header: Any = self.header_module(name)
        logits: Tensor = header(hidden.to(header.weight.dtype)).float()  # [B, L, 2], loaded in half precision or not
        return logits

    def _answer(self, logits: dict[str, Tensor], attention_mask: Tensor, header: str) -> Tensor:
        if header != AGGREGATE:
            return logits[self.answering(header)[0]]
        trained = torch.stack([logits[name] for name in self.answering(header)])
        padding = (attention_mask == 0)[None, :, None, :]  # [1, B, 1, L]
        masked = trained.transpose(2, 3).masked_fill(padding, torch.finfo(trained.dtype).min)  # [H, B, 2, L]
        return aggregate(masked).transpose(1, 2)  # [B, L, 2]
