"""What the engine trains: the model of a stage and the objectives, whose own parameters learn with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from tmkd.models.span_student import StudentForQuestionAnswering
from tmkd.objectives.base import Setting
from tmkd.objectives.compose import Objectives
from tmkd.objectives.signals import Signals
from tmkd.objectives.weighed import ATTENTION
from tmkd.tasks.signals import ATTENTION_MAPS, CLASS_LOGITS, LAST, SPAN_LOGITS
from tmkd.training.model import HeadersOf
from tmkd.training.stage import StageSpec


class Learner(HeadersOf):
    """Gives the terms of the loss for inputs and targets, and the headers' logits for inputs alone.

    The model keeps its place in checkpoints (``model``); parameters of objectives are beside it and are not exported.
    """

    def __init__(self, model: PreTrainedModel, objectives: Objectives, attention: bool = False) -> None:
        super().__init__(model, attention)
        self.objectives = objectives

    def forward(self, inputs: dict[str, Tensor], targets: Any = None) -> dict[str, Tensor]:
        logits = super().forward(inputs)
        if targets is None:
            return logits
        device = next(iter(logits.values())).device.type
        with torch.autocast(device, enabled=False):  # losses are taken in the number format of the logits
            terms: dict[str, Tensor] = self.objectives(self._signals(logits), targets)
        return terms

    def _signals(self, logits: dict[str, Tensor]) -> Signals:
        name = SPAN_LOGITS if isinstance(self.model, StudentForQuestionAnswering) else CLASS_LOGITS
        headers = {header: values for header, values in logits.items() if header != ATTENTION}
        return {name: headers, **({ATTENTION_MAPS: {LAST: logits[ATTENTION]}} if ATTENTION in logits else {})}


def learner(stage: StageSpec, model: PreTrainedModel) -> Learner:
    """Put the objectives of a stage beside its model; their own parameters are the same on every worker."""
    weights = {header: signal.weight for header, signal in stage.signals.items()}
    config = getattr(model, "encoder", model).config
    setting = Setting(len(stage.data.classes), int(getattr(config, "hidden_size", 0)), weights)
    torch.manual_seed(stage.seed)
    return Learner(model, Objectives(stage.objectives, setting), stage.learns_attention)
