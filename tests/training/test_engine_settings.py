"""What an engine is given: how a batch is cut, and which parameters decay."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    GPT2Config,
    GPT2Model,
    ModernBertConfig,
    ModernBertModel,
)

from tmkd.training.config import EngineConfig, Schedule
from tmkd.training.engine import _groups, _settings, accumulation

TINY = {
    "bert": (BertModel, BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1)),
    "distilbert": (DistilBertModel, DistilBertConfig(vocab_size=9, dim=8, n_layers=1, n_heads=1)),
    "gpt2": (GPT2Model, GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=1)),
    "modernbert": (
        ModernBertModel,
        ModernBertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, pad_token_id=0),
    ),
}


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize(("batch_size", "micro_batch"), [(32, 32), (32, 8), (7, 3), (1, 32), (33, 16)])
def test_a_full_step_is_cut_into_micro_batches_that_hold_it(batch_size: int, micro_batch: int, workers: int) -> None:
    parts = accumulation(batch_size, micro_batch, workers)
    assert parts * micro_batch * workers >= batch_size > (parts - 1) * micro_batch * workers
    settings = _settings(Schedule(batch_size=batch_size), EngineConfig(micro_batch=micro_batch), workers, "fp32")
    micro = settings["train_micro_batch_size_per_gpu"]
    assert micro <= micro_batch and settings["train_batch_size"] == micro * parts * workers >= batch_size


def test_settings_carry_clipping_stage_and_precision() -> None:
    settings = _settings(Schedule(clip=0.25), EngineConfig(zero_stage=2), 1, "bf16")
    assert settings["gradient_clipping"] == 0.25 and settings["zero_optimization"]["stage"] == 2
    assert settings["torch_autocast"] == {"enabled": True, "dtype": "bfloat16"}
    assert not _settings(Schedule(), EngineConfig(), 1, "fp32")["torch_autocast"]["enabled"]


@pytest.mark.parametrize("name", TINY)
def test_matrices_decay_but_biases_and_norms_do_not_whatever_they_are_called(name: str) -> None:
    kind, config = TINY[name]
    model = kind(config)
    decayed, plain = _groups(model, 0.1)
    assert decayed["weight_decay"] == 0.1 and plain["weight_decay"] == 0.0
    spared = {id(parameter) for parameter in plain["params"]}
    for module in model.modules():
        for label, parameter in module.named_parameters(recurse=False):
            is_norm = "norm" in type(module).__name__.lower()
            assert (id(parameter) in spared) == (is_norm or label == "bias")
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))


def test_frozen_parameters_are_in_no_group() -> None:
    model = torch.nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    (only,) = _groups(model, 0.1)
    assert [id(parameter) for parameter in only["params"]] == [id(model.bias)]


@pytest.mark.parametrize(
    ("gpus", "workers", "words"),
    [
        (2, 1, "a worker trains on one GPU"), (1.5, 2, "a worker trains on one GPU"),
        (0.5, 2, "workers of one training cannot share a GPU"), (-1, 1, "greater than or equal to 0"),
    ],
)  # fmt: skip
def test_gpus_that_deepspeed_cannot_give_a_worker_are_refused(gpus: float, workers: int, words: str) -> None:
    """It gives the i-th worker of a node the i-th GPU that all of them see."""
    with pytest.raises(ValidationError, match=words):
        EngineConfig(gpus_per_worker=gpus, workers=workers)


@pytest.mark.parametrize(("gpus", "workers"), [("auto", 4), (0, 4), (1, 4), (0.5, 1)])
def test_whole_gpus_and_a_lone_worker_s_fraction_are_fine(gpus: float | str, workers: int) -> None:
    assert EngineConfig(gpus_per_worker=gpus, workers=workers).gpus_per_worker == gpus


def test_no_schedule_is_longer_than_can_be_counted() -> None:
    with pytest.raises(ValidationError, match="epochs"):
        Schedule(epochs=1e308)
    assert Schedule(epochs=1e9, max_steps=7).steps(rows=10**6) == 7
