"""Span stages through the real training loop: they learn, however a step is cut, and go on where they were ended."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from one_fit import UNDETERMINED, BreakOff, attempt, furthest, note, run, weights
from stage_changes import changed
from tiny_stages import CORPUS, World, make_base, schedule, signal
from tmkd.corpus.schema import SPAN_GOLDEN_SCHEMA, SPAN_SCHEMA
from tmkd.models.shape import StudentShape
from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.span_cross_entropy import SpanCrossEntropyConfig
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.text.attention_maps import AttentionMaps
from tmkd.text.span_logits import SpanLogits
from tmkd.text.tokens import TokenCache, vocabulary_fingerprint
from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Reading, Start
from tmkd.workspace import Workspace, corpus_folder, shard_name

ROWS, STEPS = 16, 30
READING = Reading(max_question_tokens=6, overlap=4, temperature=2.0, candidates=4, confusing=signal("a"))
LOOKING = Reading(max_question_tokens=6, overlap=4, attention=signal("attention"))


def write_split(workspace: Workspace, split: str, base: Path) -> None:
    """Write a shard whose answer is always the word ``w0``, and a reader that is nearly right about it."""
    rng = np.random.default_rng(5)
    contexts, answers = [], []
    for _ in range(ROWS):
        words = [f"w{index}" for index in rng.integers(1, 30, 12)]
        place = int(rng.integers(0, 12))
        words[place] = "w0"
        contexts.append(" ".join(words))
        answers.append([{"start": contexts[-1].index("w0"), "text": "w0"}])
    columns = [list(range(ROWS)), list("a" * ROWS), list("a" * ROWS), ["w31 w32"] * ROWS, contexts, ["g"] * ROWS]
    shard = shard_name(0)
    workspace.publish_table(f"{corpus_folder(CORPUS, split)}/{shard}", pa.table(columns, schema=SPAN_SCHEMA))
    workspace.publish_table(
        golden_path(CORPUS, split, shard), pa.table([list(range(ROWS)), answers], schema=SPAN_GOLDEN_SCHEMA)
    )
    tokenizer = AutoTokenizer.from_pretrained(base)
    cache = TokenCache(workspace, CORPUS, {split: split}, tokenizer)
    cache.read(split, shard, "context")
    starts, _ = cache.grids(split, shard)
    rows = []
    for row in range(ROWS):
        logits = rng.normal(size=(len(starts.row(row)), 2)).astype(np.float32)
        logits[list(starts.row(row)).index(answers[row][0]["start"])] += 6
        rows.append(logits)
    store = LabelStore(workspace, CORPUS, split, "a")
    store.bind({"vocabulary": vocabulary_fingerprint(tokenizer)})
    store.publish(shard, np.arange(ROWS), SpanLogits.of(rows, np.zeros(ROWS, np.float32)))
    looks = LabelStore(workspace, CORPUS, split, "attention")
    looks.bind({"vocabulary": vocabulary_fingerprint(tokenizer)})
    maps = [np.tile([0.9, 0.1], (len(row), 1)) for row in rows]  # at the first word of the question
    looks.publish(shard, np.arange(ROWS), AttentionMaps.of(maps))


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("spans")
    base = make_base(folder / "base")
    workspace = Workspace.open(str(folder / "workspace"))
    for split in ("train", "validation"):
        write_split(workspace, split, base)
    return World(workspace, base, {shard_name(0): ROWS})


def stage(world: World, name: str, **changes) -> Stage:
    texts = {"train": "train", "validation": "validation"}
    spec = StageSpec(
        name="finetune", task="span", data=Data(CORPUS, "train", texts, world.shards, (), validation=world.shards),
        start=Start(base=str(world.base)), shape=StudentShape(2, "cls", False, 0.0, 24), max_length=24,
        signals={"golden": signal("a")},
        objectives=(SpanCrossEntropyConfig(), SpanKlConfig(temperature=2.0), AnswerMarginConfig(weight=0.5)),
        schedule=schedule(max_steps=STEPS, epochs=99, learning_rate=5e-3), seed=0, reading=READING,
    )  # fmt: skip
    return changed(Stage(spec, f"students/{name}"), **changes)


@pytest.fixture(scope="module")
def faults(world, ray_session, tmp_path_factory) -> dict[str, str]:
    alone = {"signals": {}, "weights": {"golden": 1.0}, "reading": Reading(max_question_tokens=6, overlap=4)}
    attempts = {
        "whole": attempt(stage(world, "whole")),
        "at once": attempt(stage(world, "at_once", schedule=schedule())),
        "cut": attempt(stage(world, "cut", schedule=schedule()), micro_batch=1),
        "broken off": attempt(stage(world, "resumed", tracked=BreakOff(17)), checkpoint_every_steps=5),
        "resumed": attempt(stage(world, "resumed"), checkpoint_every_steps=5),
        "golden alone": attempt(stage(world, "alone", **alone)),
        "attention, then the rest": attempt(_looks(world), _after_looking(world)),
        "attention beside": attempt(_beside(world)),
    }
    return run(world, attempts, workers=1, folder=tmp_path_factory.mktemp("fit"))


def test_nothing_but_what_was_broken_off_fails(faults) -> None:
    assert set(faults) == {"broken off"}, faults


@pytest.mark.parametrize("name", ["whole", "alone"])
def test_it_learns_to_point(world, faults, name: str) -> None:
    history = note(world, stage(world, name) if name == "whole" else _alone(world))["history"]
    assert history["loss"][-1][1] < 0.5 * history["loss"][0][1]
    assert history["validation_accuracy"][-1][1] > 0.9  # the same rows
    assert set(history) >= ({"golden", "soft", "answer"} if name == "whole" else {"golden"})


def _alone(world: World) -> Stage:
    return stage(world, "alone", signals={}, weights={"golden": 1.0}, reading=Reading(max_question_tokens=6, overlap=4))


def _looks(world: World) -> Stage:
    bare = {"signals": {}, "golden": False, "weights": {"attention": 1.0}, "validation": {}}
    return stage(world, "looks", **bare, reading=LOOKING)


def _after_looking(world: World) -> Stage:
    start = {"base": None, "starts_from": "students/looks", "parent": _looks(world).identity()}
    return stage(world, "after_looking", **start)


def _beside(world: World) -> Stage:
    weights = {"golden": 1.0, "soft": 1.0, "answer": 0.5, "attention": 0.5}
    reading = dataclasses.replace(READING, attention=signal("attention"))
    return stage(world, "beside", weights=weights, reading=reading)


def test_it_learns_where_to_look_before_or_beside_the_rest(world, faults) -> None:
    for each in (_looks(world), _beside(world)):
        looks = note(world, each)["history"]["attention"]
        assert looks[-1][1] < 0.1 * looks[0][1]
    assert set(note(world, _looks(world))["history"]) == {"attention", "loss", "learning_rate"}
    after = note(world, _after_looking(world))
    assert after["headers_started_anew"] == ["golden"] and after["history"]["validation_accuracy"][-1][1] > 0.9


def test_accumulated_micro_batches_equal_one_large_one(world, faults) -> None:
    # A pointer's bias adds the same to every place: like a key's, it has no effect and its gradient is rounding alone.
    at_once, cut = (
        {name: value for name, value in weights(world, f"students/{run}").items() if name != "headers.golden.bias"}
        for run in ("at_once", "cut")
    )
    assert furthest(at_once, cut, but=UNDETERMINED) < 1e-4  # Adam makes rounding as large as its rate, 1e-3


def test_a_resumed_stage_equals_the_uninterrupted_one(world, faults) -> None:
    assert note(world, stage(world, "resumed"))["resumed_at"] == 15
    assert furthest(weights(world, "students/whole"), weights(world, "students/resumed")) == 0


def test_the_model_answers(world, faults) -> None:
    folder = world.workspace.local_path("students/whole")
    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer("w31 w32", "w5 w9 w0 w12 w7 w8", return_tensors="pt")
    with torch.inference_mode():
        found = model(**inputs)
    context = torch.tensor([text == 1 for text in inputs.sequence_ids(0)])  # where any reader is asked
    place = found.start_logits[0].masked_fill(~context, -1e9).argmax()
    assert tokenizer.decode(inputs["input_ids"][0, place]) == "w0"


def test_a_stage_s_identity_knows_how_it_reads(world) -> None:
    one = stage(world, "x")
    assert one.identity() != stage(world, "x", reading=Reading(6, 4, temperature=3.0, candidates=4)).identity()
