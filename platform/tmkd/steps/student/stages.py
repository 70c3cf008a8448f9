"""The student's stages as the recipe has them, and the baseline's, which they must beat; nothing is trained here."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping

from tmkd.corpus.manifest import CorpusManifest
from tmkd.steps.context import Context
from tmkd.steps.labels import ATTENTION_STORE, golden_identity, reading, signal, signals
from tmkd.steps.student.start import after, from_base, other_student, student_shape
from tmkd.training.config import Schedule
from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Objectives, Reading, Signal, Start


def has_stage_1(context: Context, corpus: CorpusManifest) -> bool:
    """Tell whether the student is pre-trained before stage 2; if not, it starts from another student or the base."""
    return context.recipe.pretrain.enabled and corpus.rows("unlabeled") > 0


def pretrain_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 1: soft headers on the unlabeled split."""
    asked = context.recipe.pretrain
    spec = _spec(
        context, "pretrain", _data(corpus, "unlabeled", first_rows(corpus.shard_rows("unlabeled"), asked.rows)),
        from_base(context, corpus), Objectives(False, {"soft": 1.0}, asked.objective, asked.temperature),
        _paced(context, asked), signals(context, corpus),
    )  # fmt: skip
    return Stage(spec, f"{context.run_folder}/pretrained")


def attention_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return the stage that learns where the readers look and nothing else, for as long as stage 2 (A2D, Table 5)."""
    data = dataclasses.replace(_data(corpus, "train", corpus.shard_rows("train")), validation={})
    attention = signal(context, corpus, [ATTENTION_STORE])
    spec = _spec(
        context, "attention", data, _start(context, corpus), Objectives(False, {"attention": 1.0}),
        context.recipe.finetune, {}, _reading(context, attention=attention),
    )  # fmt: skip
    return Stage(spec, f"{context.run_folder}/attention")


def finetune_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 2: golden and soft headers on the train split. With alpha 1 there is no golden header.

    Without a stage before, it starts from ``finetune.starts_from``, else from the base.
    """
    asked = context.recipe.finetune
    beside = 0.0 if asked.attention_first else asked.attention
    weights = {"golden": 1 - asked.alpha, "soft": asked.alpha, "answer": asked.answer, "attention": beside}
    reading = _reading(
        context,
        confusing=signal(context, corpus, list(context.recipe.teachers)) if asked.answer else None,
        attention=signal(context, corpus, [ATTENTION_STORE]) if beside else None,
    )
    data = _golden_data(context, corpus)
    spec = _spec(
        context, "finetune", data, _before_finetune(context, corpus),
        Objectives(
            asked.alpha < 1, {name: weight for name, weight in weights.items() if weight > 0}, asked.objective,
            asked.temperature,
        ),
        _paced(context, _finetune_schedule(context, corpus, sum(data.shards.values()))),
        signals(context, corpus) if asked.alpha > 0 else {}, reading,
    )  # fmt: skip
    return Stage(spec, f"{context.run_folder}/finetuned")


def stages_before(context: Context, corpus: CorpusManifest) -> list[Stage]:
    """Return the student's stages before stage 2, in order."""
    first = [pretrain_stage(context, corpus)] if has_stage_1(context, corpus) else []
    return [*first, *([attention_stage(context, corpus)] if context.recipe.finetune.attention_first else [])]


def baseline_stages(context: Context, corpus: CorpusManifest) -> list[Stage]:
    """Return a stage for every rate and warm-up: as many steps as both student stages together."""
    recipe = context.recipe
    steps = sum(stage.steps for stage in [*stages_before(context, corpus), finetune_stage(context, corpus)])
    shared = _spec(
        context, "baseline", _golden_data(context, corpus), from_base(context, corpus),
        Objectives(True, {"golden": 1.0}), recipe.finetune, {},
    )  # fmt: skip
    tried = []
    for rate in recipe.baseline.learning_rates:
        for warmup in recipe.baseline.warmup_ratios:
            schedule = _schedule_of_steps(recipe.finetune, shared.rows, steps, rate, warmup)
            spec = dataclasses.replace(shared, schedule=schedule)
            tried.append(Stage(spec, f"{context.run_folder}/baseline/{rate:g}-{warmup:g}"))
    return tried


def _before_finetune(context: Context, corpus: CorpusManifest) -> Start:
    """Return what stage 2 starts from."""
    if context.recipe.finetune.attention_first:
        return after(attention_stage(context, corpus))
    return _start(context, corpus)


def _start(context: Context, corpus: CorpusManifest) -> Start:
    """Return what the stages after stage 1 start from: it, another corpus's student, or the base."""
    if has_stage_1(context, corpus):
        return after(pretrain_stage(context, corpus))
    if context.recipe.finetune.starts_from:
        return other_student(context, context.recipe.finetune.starts_from)
    return from_base(context, corpus)


def _finetune_schedule(context: Context, corpus: CorpusManifest, rows: int) -> Schedule:
    """Return stage 2's own schedule, or the baseline's where it stands for both stages."""
    recipe = context.recipe
    if not recipe.finetune.steps_of_both:
        return recipe.finetune
    unlabeled = first_rows(corpus.shard_rows("unlabeled"), recipe.pretrain.rows) if corpus.rows("unlabeled") else {}
    before = recipe.pretrain.steps(sum(unlabeled.values())) if unlabeled else 0
    baseline = recipe.baseline
    rate, warmup = baseline.learning_rates[0], baseline.warmup_ratios[0]
    return _schedule_of_steps(recipe.finetune, rows, before + recipe.finetune.steps(rows), rate, warmup)


def _paced(context: Context, schedule: Schedule) -> Schedule:
    """Return a stage's schedule at the rate of what learns."""
    student = context.recipe.student
    rate = student.bi_lstm.learning_rate if student.kind == "bi_lstm" else schedule.learning_rate
    return schedule.model_copy(update={"learning_rate": rate})


def _schedule_of_steps(like: Schedule, rows: int, steps: int, rate: float, warmup: float) -> Schedule:
    per_epoch = math.ceil(rows / like.batch_size)
    changes = {"learning_rate": rate, "warmup_ratio": warmup, "max_steps": steps, "epochs": steps / per_epoch + 1}
    return Schedule(**like.alone().model_dump() | changes)


def first_rows(shards: dict[str, int], rows: int | None) -> dict[str, int]:
    """Return the first shards that hold ``rows`` rows together; all for None."""
    sums = itertools.accumulate(shards.values())
    enough = next((index for index, so_far in enumerate(sums, start=1) if rows and so_far >= rows), len(shards))
    return dict(itertools.islice(shards.items(), enough))


def _reading(context: Context, confusing: Signal | None = None, attention: Signal | None = None) -> Reading | None:
    asked = context.recipe.reading
    found = reading(context, asked.max_question_tokens, asked.overlap)
    return found and dataclasses.replace(
        found, temperature=asked.temperature, candidates=asked.candidates, confusing=confusing, attention=attention
    )


def _spec(
    context: Context,
    name: str,
    data: Data,
    start: Start,
    objectives: Objectives,
    schedule: Schedule,
    learned: Mapping[str, Signal],
    reads: Reading | None = None,
) -> StageSpec:
    """Return the specification of one of the student's stages; spans are read as the recipe says unless told."""
    recipe = context.recipe
    return StageSpec(
        name=name, task=recipe.corpus.task, data=data, start=start, shape=student_shape(context),
        max_length=recipe.student.max_length, signals=learned, objectives=objectives, schedule=schedule,
        seed=recipe.student_seed, reading=reads or _reading(context),
    )  # fmt: skip


def _golden_data(context: Context, corpus: CorpusManifest) -> Data:
    """Return the train split with its golden labels."""
    data = _data(corpus, "train", corpus.shard_rows("train"))
    return dataclasses.replace(data, golden_identity=golden_identity(context, corpus, "train"))


def _data(corpus: CorpusManifest, split: str, shards: Mapping[str, int]) -> Data:
    validation = corpus.shard_rows("validation") if corpus.has_labels("validation") else {}
    return Data(corpus.name, split, corpus.fingerprints, shards, tuple(corpus.classes), validation=validation)
