"""The student's stages as the recipe has them, and the baseline's, which they must beat; nothing is trained here."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

from tmkd.corpus.manifest import CorpusManifest
from tmkd.steps.context import Context
from tmkd.steps.labels import ATTENTION_STORE, golden_identity, reading, signal, signals
from tmkd.steps.student.start import after, from_base, other_student, student_shape
from tmkd.training.config import Schedule
from tmkd.training.stage import Reading, Signal, Stage


def has_stage_1(context: Context, corpus: CorpusManifest) -> bool:
    """Tell whether the student is pre-trained before stage 2; if not, it starts from another student or the base."""
    return context.recipe.pretrain.enabled and corpus.rows("unlabeled") > 0


def pretrain_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 1: soft headers on the unlabeled split."""
    recipe = context.recipe
    return Stage(
        name="pretrain", output=f"{context.run_folder}/pretrained", split="unlabeled",
        shards=first_rows(corpus.shard_rows("unlabeled"), recipe.pretrain.rows),
        signals=signals(context, corpus), golden=False, weights={"soft": 1.0},
        schedule=_paced(context, recipe.pretrain), **from_base(context, corpus), shape=student_shape(context),
        reading=_reading(context), soft_objective=recipe.pretrain.objective,
        temperature=recipe.pretrain.temperature, **_common(context, corpus),
    )  # fmt: skip


def attention_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return the stage that learns where the readers look and nothing else, for as long as stage 2 (A2D, Table 5)."""
    recipe = context.recipe
    attention = signal(context, corpus, [ATTENTION_STORE])
    return Stage(
        name="attention", output=f"{context.run_folder}/attention", split="train", shards=corpus.shard_rows("train"),
        signals={}, golden=False, weights={"attention": 1.0}, schedule=recipe.finetune,
        **_start(context, corpus),
        shape=student_shape(context), reading=_reading(context, attention=attention),
        **{**_common(context, corpus), "validation": {}},
    )  # fmt: skip


def finetune_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 2: golden and soft headers on the train split. With alpha 1 there is no golden header.

    Without a stage before, it starts from ``finetune.starts_from``, else from the base.
    """
    recipe, alpha = context.recipe, context.recipe.finetune.alpha
    beside = 0.0 if recipe.finetune.attention_first else recipe.finetune.attention
    weights = {"golden": 1 - alpha, "soft": alpha, "answer": recipe.finetune.answer, "attention": beside}
    readers = list(recipe.teachers)
    shards = corpus.shard_rows("train")
    more = {
        "confusing": signal(context, corpus, readers) if recipe.finetune.answer else None,
        "attention": signal(context, corpus, [ATTENTION_STORE]) if beside else None,
    }
    return Stage(
        name="finetune", output=f"{context.run_folder}/finetuned", split="train", shards=shards,
        signals=signals(context, corpus) if alpha > 0 else {}, golden=alpha < 1,
        weights={name: weight for name, weight in weights.items() if weight > 0},
        schedule=_paced(context, _finetune_schedule(context, corpus, sum(shards.values()))),
        **_before_finetune(context, corpus),
        shape=student_shape(context),
        reading=_reading(context, **more),
        soft_objective=recipe.finetune.objective, temperature=recipe.finetune.temperature,
        golden_identity=golden_identity(context, corpus, "train"),
        **_common(context, corpus),
    )  # fmt: skip


def stages_before(context: Context, corpus: CorpusManifest) -> list[Stage]:
    """Return the student's stages before stage 2, in order."""
    first = [pretrain_stage(context, corpus)] if has_stage_1(context, corpus) else []
    return [*first, *([attention_stage(context, corpus)] if context.recipe.finetune.attention_first else [])]


def baseline_stages(context: Context, corpus: CorpusManifest) -> list[Stage]:
    """Return a stage for every rate and warm-up: as many steps as both student stages together."""
    recipe = context.recipe
    steps = sum(stage.steps for stage in [*stages_before(context, corpus), finetune_stage(context, corpus)])
    shared = Stage(
        name="baseline", output="", split="train", shards=corpus.shard_rows("train"), signals={}, golden=True,
        weights={"golden": 1.0}, schedule=recipe.finetune, **from_base(context, corpus), shape=student_shape(context),
        reading=_reading(context), golden_identity=golden_identity(context, corpus, "train"),
        **_common(context, corpus),
    )  # fmt: skip
    tried = []
    for rate in recipe.baseline.learning_rates:
        for warmup in recipe.baseline.warmup_ratios:
            schedule = _schedule_of_steps(recipe.finetune, shared.rows, steps, rate, warmup)
            output = f"{context.run_folder}/baseline/{rate:g}-{warmup:g}"
            tried.append(dataclasses.replace(shared, output=output, schedule=schedule))
    return tried


def _before_finetune(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Return what stage 2 starts from."""
    if context.recipe.finetune.attention_first:
        return after(attention_stage(context, corpus))
    return _start(context, corpus)


def _start(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
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
    values = like.model_dump(include=set(Schedule.model_fields))
    values |= {"learning_rate": rate, "warmup_ratio": warmup, "max_steps": steps, "epochs": steps / per_epoch + 1}
    return Schedule(**values)


def first_rows(shards: dict[str, int], rows: int | None) -> dict[str, int]:
    """Return the first shards that hold ``rows`` rows together; all for None."""
    sums = itertools.accumulate(shards.values())
    enough = next((index for index, so_far in enumerate(sums, start=1) if rows and so_far >= rows), len(shards))
    return dict(itertools.islice(shards.items(), enough))


def _reading(context: Context, **signals_beside: Signal | None) -> Reading | None:
    recipe = context.recipe.reading
    return reading(
        context, recipe.max_question_tokens, recipe.overlap, temperature=recipe.temperature,
        candidates=recipe.candidates, **signals_beside,
    )  # fmt: skip


def _common(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    labelled = corpus.has_labels("validation")
    return {
        "corpus": corpus.name,
        "fingerprints": corpus.fingerprints,
        "classes": tuple(corpus.classes),
        "seed": context.recipe.student_seed,
        "max_length": context.recipe.student.max_length,
        "validation": corpus.shard_rows("validation") if labelled else {},
    }
