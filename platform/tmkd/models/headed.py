"""What students of every task share: the bottom layers of an encoder, and headers by name."""

from __future__ import annotations

from abc import abstractmethod

from torch import nn
from transformers.configuration_utils import PretrainedConfig
from transformers.modeling_utils import PreTrainedModel

from tmkd.errors import nearest
from tmkd.models.student_config import AGGREGATE, StudentConfig


class Student(PreTrainedModel):
    """A truncated encoder with ``config.headers``; loads and runs like any Hugging Face model of its task."""

    config_class = StudentConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True
    _supports_attention_backend = True

    def __init__(self, config: StudentConfig) -> None:
        from transformers import AutoModel  # not above: they import students in turn

        super().__init__(config)
        base = config.base_config()
        base._attn_implementation = _attention(config._attn_implementation, base)
        self.encoder = AutoModel.from_config(base)
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None  # the headers pool for themselves
        self.headers = nn.ModuleDict({header_key(name): self.new_header(base.hidden_size) for name in config.headers})
        self.post_init()

    @abstractmethod
    def new_header(self, hidden_size: int) -> nn.Module:
        """Return a header with random weights for states of this width."""

    def header_module(self, name: str) -> nn.Module:
        """Return a header by its name (``golden`` or ``soft:NAME``)."""
        return self.headers[header_key(name)]

    def answering(self, header: str) -> list[str]:
        """Return the headers whose mean answers for ``header``: all that are trained for ``aggregate``, else itself.

        Raises:
            ValueError: for a header that the student does not have, naming those it has.
        """
        if header == AGGREGATE:
            return list(self.config.trained_headers or self.config.headers)
        if header not in self.config.headers:
            legal = [AGGREGATE, *self.config.headers]
            raise ValueError(f"header {header!r} is not in this student{nearest(header, legal)}; it has {legal}")
        return [header]


def _attention(wanted: str | None, base: PretrainedConfig) -> str | None:
    """Return the attention implementation of an encoder: the one wanted, or eager where it does not have SDPA."""
    from transformers import MODEL_MAPPING

    encoder = MODEL_MAPPING.get(type(base), None)
    return "eager" if wanted == "sdpa" and not getattr(encoder, "_supports_sdpa", True) else wanted


def header_key(name: str) -> str:
    """Return what a header's module is called: module names may hold neither ``:`` nor ``.``."""
    return name.replace(":", "-").replace(".", "-")
