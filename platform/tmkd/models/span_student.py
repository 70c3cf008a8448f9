"""The span student: the bottom layers of an encoder with a start and an end header for golden answers and every reader.

The headers of Yang et al. (WSDM 2020, 3.2) over the pointers of a span reader, as Devlin et al. (NAACL 2019) put them
on an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_utils import PreTrainedModel
from transformers.utils import ModelOutput

from tmkd.errors import nearest
from tmkd.models.student import aggregate, header_key
from tmkd.models.student_config import AGGREGATE, StudentConfig


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


class StudentForQuestionAnswering(PreTrainedModel):
    """A truncated encoder with ``config.headers``; loads and runs like any Hugging Face span reader."""

    config_class = StudentConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: StudentConfig) -> None:
        from transformers import AutoModel  # not above: they import this module in turn

        super().__init__(config)
        base = config.base_config()
        base._attn_implementation = config._attn_implementation
        self.encoder = AutoModel.from_config(base)
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None  # pointers need every token
        self.headers = nn.ModuleDict({header_key(name): nn.Linear(base.hidden_size, 2) for name in config.headers})
        self.post_init()

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

    def header_module(self, name: str) -> nn.Linear:
        """Return a header by its name (``golden`` or ``soft:NAME``)."""
        module = self.headers[header_key(name)]
        assert isinstance(module, nn.Linear)
        return module

    def _point(self, name: str, hidden: Tensor) -> Tensor:
        header = self.header_module(name)
        logits: Tensor = header(hidden.to(header.weight.dtype)).float()  # [B, L, 2], loaded in half precision or not
        return logits

    def _answer(self, logits: dict[str, Tensor], attention_mask: Tensor, header: str) -> Tensor:
        if header == AGGREGATE:
            trained = torch.stack([logits[name] for name in self.config.trained_headers or self.config.headers])
            padding = (attention_mask == 0)[None, :, None, :]  # [1, B, 1, L]
            masked = trained.transpose(2, 3).masked_fill(padding, torch.finfo(trained.dtype).min)  # [H, B, 2, L]
            return aggregate(masked).transpose(1, 2)  # [B, L, 2]
        if header not in logits:
            legal = [AGGREGATE, *logits]
            raise ValueError(f"header {header!r} is not in this student{nearest(header, legal)}; it has {legal}")
        return logits[header]
