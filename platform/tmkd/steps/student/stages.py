"""The student's stages as the recipe has them, and the baseline's, which they must beat; nothing is trained here."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping

from tmkd.corpus.manifest import CorpusManifest
from tmkd.objectives.answer_margin import AnswerMarginConfig
from tmkd.objectives.compose import learned_labels, learns_headers
from tmkd.objectives.span_kl import SpanKlConfig
from tmkd.objectives.weighed import ANSWER, ATTENTION
from tmkd.recipe.shorthands import Listed
from tmkd.recipe.stage_objectives import of_attention, of_baseline, of_finetune, of_pretrain
from tmkd.steps.context import Context
from tmkd.steps.labels import ATTENTION_STORE, golden_identity, reading, signal, signals
from tmkd.steps.student.start import after, from_base, other_student, student_shape
from tmkd.students.registry import kind_of
from tmkd.training.config import Schedule
from tmkd.training.stage import Stage, StageSpec
from tmkd.training.stage_parts import Data, Reading, Start


def has_stage_1(context: Context, corpus: CorpusManifest) -> bool:
    """Tell whether the student is pre-trained before stage 2; if not, it starts from another student or the base."""
    return context.recipe.pretrain.enabled and corpus.rows("unlabeled") > 0


def pretrain_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 1: soft headers on the unlabeled split."""
    asked = context.recipe.pretrain
    spec = _spec(
        context, corpus, "pretrain", _data(corpus, "unlabeled", first_rows(corpus.shard_rows("unlabeled"), asked.rows)),
        from_base(context, corpus), of_pretrain(corpus.task, asked, context.recipe.reading), _paced(context, asked),
    )  # fmt: skip
    return Stage(spec, f"{context.run_folder}/pretrained")


def attention_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return the stage that learns where the readers look and nothing else, for as long as stage 2 (A2D, Table 5)."""
    data = dataclasses.replace(_data(corpus, "train", corpus.shard_rows("train")), validation={})
    asked = context.recipe.finetune
    spec = _spec(context, corpus, "attention", data, _start(context, corpus), of_attention(asked), asked)
    return Stage(spec, f"{context.run_folder}/attention")


def finetune_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 2: golden and soft headers on the train split. With alpha 1 there is no golden header.

    Without a stage before, it starts from ``finetune.starts_from``, else from the base.
    """
    data = _golden_data(context, corpus)
    schedule = _paced(context, _finetune_schedule(context, corpus, sum(data.shards.values())))
    objectives = of_finetune(corpus.task, context.recipe.finetune, context.recipe.reading)
    spec = _spec(context, corpus, "finetune", data, _before_finetune(context, corpus), objectives, schedule)
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
        context, corpus, "baseline", _golden_data(context, corpus), from_base(context, corpus),
        of_baseline(corpus.task, recipe.baseline), recipe.finetune,
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
    rate = kind_of(student.kind).rate(student, schedule.learning_rate)
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


def _spec(
    context: Context,
    corpus: CorpusManifest,
    name: str,
    data: Data,
    start: Start,
    objectives: Listed,
    schedule: Schedule,
) -> StageSpec:
    """Return the specification of one of the student's stages, with the labels that its objectives learn from."""
    recipe = context.recipe
    return StageSpec(
        name=name, task=recipe.corpus.task, data=data, start=start, shape=student_shape(context),
        max_length=recipe.student.max_length, objectives=objectives, schedule=schedule, seed=recipe.student_seed,
        signals=signals(context, corpus) if learns_headers(objectives) else {},
        reading=_reading(context, corpus, objectives),
    )  # fmt: skip


def _reading(context: Context, corpus: CorpusManifest, objectives: Listed) -> Reading | None:
    """Return how spans are read; a temperature and a number of candidates are the objectives', where they have one."""
    asked, labels = context.recipe.reading, learned_labels(objectives, [])
    found = reading(context, asked.max_question_tokens, asked.overlap)
    if found is None:
        return None
    kl = next((each for each in objectives if isinstance(each, SpanKlConfig)), None)
    margin = next((each for each in objectives if isinstance(each, AnswerMarginConfig)), None)
    return dataclasses.replace(
        found,
        temperature=kl.temperature if kl else asked.temperature,
        candidates=margin.candidates if margin else asked.candidates,
        confusing=signal(context, corpus, list(context.recipe.teachers)) if ANSWER in labels else None,
        attention=signal(context, corpus, [ATTENTION_STORE]) if ATTENTION in labels else None,
    )


def _golden_data(context: Context, corpus: CorpusManifest) -> Data:
    """Return the train split with its golden labels."""
    data = _data(corpus, "train", corpus.shard_rows("train"))
    return dataclasses.replace(data, golden_identity=golden_identity(context, corpus, "train"))


def _data(corpus: CorpusManifest, split: str, shards: Mapping[str, int]) -> Data:
    validation = corpus.shard_rows("validation") if corpus.has_labels("validation") else {}
    return Data(corpus.name, split, corpus.fingerprints, shards, tuple(corpus.classes), validation=validation)
