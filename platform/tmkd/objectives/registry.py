"""All objectives, by the name that a recipe lists."""

from __future__ import annotations

from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.attention_mse import AttentionMseConfig
from tmkd.objectives.base import ObjectiveConfig
from tmkd.objectives.golden_cross_entropy import CrossEntropyConfig
from tmkd.objectives.margin_mse import MarginMseConfig
from tmkd.objectives.ranknet import RankNetConfig
from tmkd.objectives.soft import SoftObjective
from tmkd.objectives.soft_label_kl import KlConfig
from tmkd.objectives.soft_label_mse import MseConfig
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.span_kl import SpanKlConfig

_CONFIGS: tuple[type[ObjectiveConfig], ...] = (
    CrossEntropyConfig, MseConfig, KlConfig, MarginMseConfig, RankNetConfig,
    SpanCrossEntropyConfig, SpanKlConfig, AnswerMarginConfig, AttentionMseConfig,
)  # fmt: skip
OBJECTIVES: dict[str, type[ObjectiveConfig]] = {str(config.model_fields["name"].default): config for config in _CONFIGS}
SOFT_OBJECTIVES = [name for name, config in OBJECTIVES.items() if issubclass(config.kind(), SoftObjective)]
"""Those that a recipe's ``objective`` may name: one loss on the soft labels of pairs."""
