"""Through `train`: one teacher alone is plain logit distillation; the schedule is the one asked for."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

from one_fit import UNDETERMINED, furthest, weights
from stage_changes import changed
from tiny_stages import SHAPE, engine_config, make_world, schedule, signal, stage
from tmkd.errors import UserError
from tmkd.soft_labels.store import LabelStore
from tmkd.training.model import build
from tmkd.training.order import batches
from tmkd.training.plan import finished
from tmkd.training.run import train
from tmkd.workspace import corpus_folder

STEPS, WARMUP, RATE, DECAY = 12, 3, 2e-3, 0.05
CLIP = 2.0  # norms here are 1.1 to 5.5: some steps are clipped, some are not, so a gradient of another scale shows
ATOL = 1e-6
"""Of weights that have moved by a thousand times as much; measured: 2e-8."""


def plain(world, decay: str = "linear"):
    """One soft header that reads [CLS], one teacher, no golden labels."""
    how = schedule(
        learning_rate=RATE, max_steps=STEPS, warmup_ratio=WARMUP / STEPS, clip=CLIP, weight_decay=DECAY, decay=decay
    )
    shape = dataclasses.replace(SHAPE, pooling="cls")
    return stage(world, f"students/{decay}", signals={"soft:a": signal("a")}, shape=shape, schedule=how, tracked=None)


def both_labels(world):
    """Stage 2 after `plain`: its student, a golden header beside it, Eq. (5)."""
    return changed(
        plain(world), name="finetune", output="students/finetuned", base=None, starts_from="students/linear",
        parent=plain(world).identity(), golden=True, weights={"golden": 0.1, "soft": 0.9},
        golden_identity="first judgements", validation=world.shards,
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("run"))


def train_all(world) -> list[dict]:
    stages = [*(plain(world, decay) for decay in ("linear", "cosine", "constant")), both_labels(world)]
    return train(stages, engine_config(micro_batch=4), world.workspace, "run", "tiny")


@pytest.fixture(scope="module")
def notes(world, ray_session) -> list[dict]:
    return train_all(world)


def distil_by_hand(world, clip: float) -> dict[str, torch.Tensor]:
    """Plain logit distillation with nothing but torch and transformers; returns the weights by the student's names."""
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(world.base)
    encoder = AutoModel.from_pretrained(world.base, num_hidden_layers=1, add_pooling_layer=False)
    head = torch.nn.Linear(32, 2)
    head.load_state_dict(build(plain(world).spec, world.workspace)[0].header_module("soft:a").linear.state_dict())
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    parameters = [*encoder.parameters(), *head.parameters()]
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0}])
    texts, teacher = {}, {}
    for index, shard in enumerate(world.shards):
        table = world.workspace.read_table(f"{corpus_folder('tiny', 'train')}/{shard}").to_pydict()
        logits = LabelStore(world.workspace, "tiny", "train", "a").read(shard)[1]
        for row, pair in enumerate(zip(table["question"], table["passage"], strict=True)):
            texts[index, row], teacher[index, row] = pair, logits[row]
    for step, refs in islice(batches(list(world.shards.values()), 8, 8, seed=0), STEPS):
        keys = [(int(shard), int(row)) for shard, row in refs]
        questions, passages = zip(*(texts[key] for key in keys), strict=True)
        batch = tokenizer(
            list(questions), list(passages), padding=True, truncation=True, max_length=24, return_tensors="pt"
        )
        loss = F.mse_loss(
            head(encoder(**batch).last_hidden_state[:, 0]), torch.tensor(np.stack([teacher[k] for k in keys]))
        )
        optimizer.zero_grad()
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        for group in optimizer.param_groups:
            group["lr"] = rate_after(step, "linear")
        optimizer.step()
    found = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    return found | {f"headers.soft-a.linear.{name}": value for name, value in head.state_dict().items()}


def rate_after(done: int, decay: str) -> float:
    """Return the rate of the update that follows ``done`` updates."""
    if done < WARMUP:
        return RATE * done / WARMUP
    part = (done - WARMUP) / (STEPS - WARMUP)
    return RATE * {"linear": 1 - part, "cosine": (1 + np.cos(np.pi * part)) / 2, "constant": 1.0}[decay]


def test_one_teacher_as_the_only_soft_header_is_plain_logit_distillation(world, notes) -> None:
    ours = weights(world, "students/linear")
    by_hand = {name: value.detach().numpy() for name, value in distil_by_hand(world, CLIP).items()}
    start = {name: value.numpy() for name, value in build(plain(world).spec, world.workspace)[0].state_dict().items()}
    assert furthest(start, by_hand) > 1000 * ATOL
    assert furthest(ours, by_hand, but=UNDETERMINED) <= ATOL


def test_gradients_are_clipped(world, notes) -> None:
    unclipped = {name: value.detach().numpy() for name, value in distil_by_hand(world, 0).items()}
    assert furthest(weights(world, "students/linear"), unclipped) > 100 * ATOL


@pytest.mark.parametrize(("index", "decay"), enumerate(["linear", "cosine", "constant"]))
def test_the_rate_warms_up_to_its_peak_and_falls_as_asked(notes, index: int, decay: str) -> None:
    curve = notes[index]["history"]["learning_rate"]
    assert [done for done, _ in curve] == list(range(1, STEPS + 1))
    assert [rate for _, rate in curve] == pytest.approx([rate_after(done, decay) for done in range(1, STEPS + 1)])
    assert max(rate for _, rate in curve) == RATE and curve[WARMUP - 1][1] == RATE


def test_stage_2_starts_from_what_stage_1_has_just_published(world, notes) -> None:
    assert notes[3]["headers_started_anew"] == ["golden"]
    first, second = weights(world, "students/linear"), weights(world, "students/finetuned")
    assert set(second) - set(first) == {"headers.golden.linear.weight", "headers.golden.linear.bias"}
    history = notes[3]["history"]
    assert history["loss"][0][1] == pytest.approx(0.1 * history["golden"][0][1] + 0.9 * history["soft"][0][1], rel=1e-5)


def test_the_note_says_what_was_done_and_the_run_leaves_nothing_behind(world, notes) -> None:
    assert [note["steps"] for note in notes] == [STEPS] * 4 and {note["workers"] for note in notes} == {1}
    assert [note["stage"] for note in notes] == ["pretrain"] * 3 + ["finetune"]
    assert notes[0]["rows"] == 60 and notes[0]["resumed_at"] == 0
    assert world.workspace.folders("runs/run") == []


def test_a_finished_stage_is_not_trained_again(world, notes) -> None:
    files = sorted(world.workspace.local_path("students").rglob("model.safetensors"))
    before = [file.stat().st_mtime_ns for file in files]
    assert train_all(world) == notes
    assert [file.stat().st_mtime_ns for file in files] == before and len(files) == 4


def test_a_note_without_weights_beside_it_is_no_finished_stage(world, notes) -> None:
    file = world.workspace.local_path("students/finetuned/model.safetensors")
    file.rename(file.with_suffix(".aside"))
    try:
        assert finished(world.workspace, both_labels(world)) is None
    finally:
        file.with_suffix(".aside").rename(file)


@pytest.mark.parametrize("name", ["model.safetensors", "stage.json"])
def test_a_changed_model_is_neither_finished_nor_trained_over(world, notes, name) -> None:
    file = world.workspace.local_path(f"students/finetuned/{name}")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"?")
    try:
        with pytest.raises(UserError, match=rf"students/finetuned/{name}: was changed.* delete the folder"):
            train_all(world)
    finally:
        file.write_bytes(whole)
    assert train_all(world) == notes


@pytest.mark.parametrize(
    "change",
    [
        {"weights": {"golden": 0.3, "soft": 0.7}},
        {"golden_identity": "second judgements"},
        {"fingerprints": {"train": "other text"}},
        {"parent": "another stage 1"},
        {"signals": {"soft:a": dataclasses.replace(signal("a"), identity="another teacher")}},
        {"schedule": schedule(learning_rate=9e-9)},
        {"shape": dataclasses.replace(SHAPE, pooling="mean")},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_weights_makes_a_stage_unfinished(world, notes, change) -> None:
    assert finished(world.workspace, both_labels(world)) is not None
    assert finished(world.workspace, changed(both_labels(world), **change)) is None


def test_names_tracking_and_the_validation_split_do_not(world, notes) -> None:
    texts = {"train": "c", "validation": "other text"}
    same = changed(both_labels(world), name="other", tracked=object(), validation={}, fingerprints=texts)
    assert finished(world.workspace, same) is not None
