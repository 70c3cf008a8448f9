"""The student's Hugging Face config: which base it was cut from, its headers and what answers by default."""

from __future__ import annotations

from typing import Any, Literal

from transformers.configuration_utils import PretrainedConfig

from tmkd.models.registration import REGISTRATION
from tmkd.tasks.base import load_part

Pooling = Literal["cls", "mean", "match"]
AGGREGATE = "aggregate"
GOLDEN = "golden"
SOFT_PREFIX = "soft:"
DEPTH = "@"


def soft_header(teacher: str) -> str:
    """Return the name of the header that learns from ``teacher``."""
    return f"{SOFT_PREFIX}{teacher}"


def at_depth(header: str, layers: int) -> str:
    """Return the name of ``header`` where it reads the states after ``layers`` layers of a super-student."""
    return f"{header}{DEPTH}{layers}"


def depth_of(header: str) -> int | None:
    """Return after how many layers a header reads; None for one that reads the last states, as headers usually do."""
    _, _, layers = header.partition(DEPTH)
    return int(layers) if layers else None


def without_depth(header: str) -> str:
    """Return a header's name in the plain student of its depth."""
    return header.partition(DEPTH)[0]


class StudentConfig(PretrainedConfig):
    """Config of `StudentForSequenceClassification` and `StudentForQuestionAnswering`.

    Args:
        base: the config of the encoder (its own ``to_dict()``, layers already cut).
        headers: names of the headers, ``golden`` first where there is one, then ``soft:NAME``. With ``@K`` behind it, a
            header reads the states after K layers: a super-student has students of several depths in one.
        trained_headers: the headers trained so far; the aggregate averages these (paper, Eq. 6 and 5.4).
        sources: header name -> fingerprint of the teachers it learned from.
        pooling: what a header reads: ``cls`` (paper, Eq. 1), ``mean`` of all tokens, or ``match``.
        header: which header gives ``.logits``: ``aggregate``, ``golden`` or ``soft:NAME``.
        max_pair_length: tokens of a pair it was trained at.
        sep_token_id: the token that ends the question; ``match`` needs it.
        special_token_ids: tokens that belong to neither text.
    """

    model_type = "tmkd_student"

    def __init__(
        self,
        base: dict[str, Any] | None = None,
        headers: list[str] | None = None,
        trained_headers: list[str] | None = None,
        sources: dict[str, str] | None = None,
        pooling: Pooling = "cls",
        header: str = AGGREGATE,
        max_pair_length: int = 128,
        sep_token_id: int | None = None,
        special_token_ids: list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.base = base or {"model_type": "bert"}
        self.headers = headers or [GOLDEN]
        self.trained_headers = trained_headers or []
        self.sources = sources or {}
        self.pooling = pooling
        self.header = header
        self.max_pair_length = max_pair_length
        self.sep_token_id = sep_token_id
        self.special_token_ids = special_token_ids or []
        super().__init__(**kwargs)
        load_part(REGISTRATION)()

    def base_config(self) -> PretrainedConfig:
        """Return the encoder's config as its own class."""
        from transformers import AutoConfig  # not above: they import this module in turn

        values = dict(self.base)
        return AutoConfig.for_model(values.pop("model_type"), **values)

    @property
    def hidden_size(self) -> int:
        return int(self.base_config().hidden_size)

    @property
    def num_hidden_layers(self) -> int:
        return int(self.base_config().num_hidden_layers)
