"""Steps 4 and 5: the student's two stages, and the baseline that they must beat."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Any

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.models.bi_lstm_config import BiLstmConfig
from tmkd.models.build import StudentShape
from tmkd.models.folders import fetch
from tmkd.models.loading import load_config
from tmkd.pipeline.context import Context
from tmkd.pipeline.labels import ATTENTION_STORE, base_identity, golden_identity, reading, signal, signals
from tmkd.pipeline.word_base_step import student_base
from tmkd.tracking.folder_model import FolderModel
from tmkd.tracking.pair_model import pair_model
from tmkd.training.config import Schedule
from tmkd.training.plan import finished, read_note
from tmkd.training.run import train
from tmkd.training.stage import Reading, Signal, Stage

EXAMPLES = (("how do I read a file?", "Open it and call read()."), ("how do I read a file?", "The sky is blue."))
"""Pairs that MLflow keeps beside the model, so that whoever finds it there sees what it takes."""


def has_stage_1(context: Context, corpus: CorpusManifest) -> bool:
    """Tell whether the student is pre-trained before stage 2; if not, stage 2 starts from the base."""
    return context.recipe.pretrain.enabled and corpus.rows("unlabeled") > 0


def ensure_pretrained(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Stage 1 (Eq. 4), unless it is up to date; returns its note."""
    return _ensure(context, "stage 1 · pretrain", [pretrain_stage(context, corpus)])[0]


def ensure_before_finetuning(context: Context, corpus: CorpusManifest) -> None:
    """What stage 2 starts from: stage 1, and where the recipe wants it the stage that learns where to look."""
    if has_stage_1(context, corpus):
        ensure_pretrained(context, corpus)
    if context.recipe.finetune.attention_first and corpus.has_labels("train"):
        _ensure(context, "stage · attention", [attention_stage(context, corpus)])


def ensure_finetuned(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Stage 2 (Eq. 5), unless it is up to date; returns its note."""
    return _ensure(context, "stage 2 · finetune", [finetune_stage(context, corpus)])[0]


def ensure_baseline(context: Context, corpus: CorpusManifest) -> tuple[str, list[dict[str, Any]]]:
    """The same layers on golden labels alone: every rate and warm-up asked for, the best on validation kept.

    Returns:
        The folder of the best one, and what every setting reached: its curve and final validation accuracy.
    """
    stages = baseline_stages(context, corpus)
    notes = _ensure(context, "baseline · golden labels alone", stages)
    tried = [_tried(stage, note) for stage, note in zip(stages, notes, strict=True)]
    best = max(tried, key=lambda row: (row["validation_accuracy"], -row["validation_cross_entropy"]))
    return str(best["folder"]), tried


def ensure_students(context: Context, corpus: CorpusManifest) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Train what evaluation judges: both stages and the baseline, as far as the recipe and the corpus have them.

    Returns:
        ``pretrained``, ``finetuned``, ``baseline`` -> folder, and what the baseline tried.
    """
    students: dict[str, str] = {}
    tried: list[dict[str, Any]] = []
    ensure_before_finetuning(context, corpus)
    if has_stage_1(context, corpus):
        students["pretrained"] = pretrain_stage(context, corpus).output
    if corpus.has_labels("train"):
        ensure_finetuned(context, corpus)
        students["finetuned"] = finetune_stage(context, corpus).output
        if context.recipe.baseline.enabled:
            students["baseline"], tried = ensure_baseline(context, corpus)
    return students, tried


def pretrain_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 1: soft headers on the unlabeled split."""
    recipe = context.recipe
    return Stage(
        name="pretrain", output=f"{context.run_folder}/pretrained", split="unlabeled",
        shards=_first_rows(corpus.shard_rows("unlabeled"), recipe.pretrain.rows),
        signals=signals(context, corpus), golden=False, weights={"soft": 1.0},
        schedule=_paced(context, recipe.pretrain), **_base(context, corpus), shape=_shape(context),
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
        shape=_shape(context), reading=_reading(context, attention=attention),
        **{**_common(context, corpus), "validation": {}},
    )  # fmt: skip


def finetune_stage(context: Context, corpus: CorpusManifest) -> Stage:
    """Return stage 2: golden and soft headers on the train split. With alpha 1 there is no golden header.

    Without a stage before it starts from the base.
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
        shape=_shape(context),
        reading=_reading(context, **more),
        soft_objective=recipe.finetune.objective, temperature=recipe.finetune.temperature,
        golden_identity=golden_identity(context, corpus, "train"),
        **_common(context, corpus),
    )  # fmt: skip


def _finetune_schedule(context: Context, corpus: CorpusManifest, rows: int) -> Schedule:
    """Return stage 2's own schedule, or the baseline's where it stands for both stages."""
    recipe = context.recipe
    if not recipe.finetune.steps_of_both:
        return recipe.finetune
    unlabeled = _first_rows(corpus.shard_rows("unlabeled"), recipe.pretrain.rows) if corpus.rows("unlabeled") else {}
    before = recipe.pretrain.steps(sum(unlabeled.values())) if unlabeled else 0
    baseline = recipe.baseline
    rate, warmup = baseline.learning_rates[0], baseline.warmup_ratios[0]
    return _schedule_of_steps(recipe.finetune, rows, before + recipe.finetune.steps(rows), rate, warmup)


def _first_rows(shards: dict[str, int], rows: int | None) -> dict[str, int]:
    """Return the first shards that hold ``rows`` rows together; all for None."""
    sums = itertools.accumulate(shards.values())
    enough = next((index for index, so_far in enumerate(sums, start=1) if rows and so_far >= rows), len(shards))
    return dict(itertools.islice(shards.items(), enough))


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
        weights={"golden": 1.0}, schedule=recipe.finetune, **_base(context, corpus), shape=_shape(context),
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


def _schedule_of_steps(like: Schedule, rows: int, steps: int, rate: float, warmup: float) -> Schedule:
    per_epoch = math.ceil(rows / like.batch_size)
    values = like.model_dump(include=set(Schedule.model_fields))
    values |= {"learning_rate": rate, "warmup_ratio": warmup, "max_steps": steps, "epochs": steps / per_epoch + 1}
    return Schedule(**values)


def _ensure(context: Context, step: str, stages: list[Stage]) -> list[dict[str, Any]]:
    where = stages[0].output if len(stages) == 1 else stages[0].output.rsplit("/", 1)[0]
    notes = [finished(context.workspace, stage) for stage in stages]
    if all(note is not None for note in notes):
        context.skip(step, where)
        return [note for note in notes if note is not None]
    with context.step(step, where), context.child(step, stages[-1].identity()) as child:
        child.params(_params(stages))
        tracked = [dataclasses.replace(stage, tracked=child if len(stages) == 1 else None) for stage in stages]
        found = train(tracked, context.recipe.training, context.workspace, context.recipe.run_name, stages[0].name)
        if len(stages) == 1 and stages[0].headers:
            child.model(lambda: _described(context, stages[0]), name=stages[0].name)
    return found


def _described(context: Context, stage: Stage) -> FolderModel:
    """Return what MLflow is told of a finished student."""
    folder, recipe = fetch(context.workspace, stage.output), context.recipe
    if stage.task == "pair":
        return pair_model(folder, EXAMPLES)
    from tmkd.evaluation.span_model import span_model  # not above: pairs need none of a reader's rooms

    reading = recipe.reading
    return span_model(folder, recipe.student_reader(), reading.max_answer_tokens, reading.unanswerable, EXAMPLES)


def _params(stages: list[Stage]) -> dict[str, Any]:
    schedule = {f"schedule.{key}": value for key, value in stages[0].schedule.model_dump().items()}
    return {"rows": stages[0].rows, "steps": stages[0].steps, "headers": ", ".join(stages[0].headers), **schedule}


def _tried(stage: Stage, note: dict[str, Any]) -> dict[str, Any]:
    history = note["history"]
    accuracy, entropy = history.get("validation_accuracy", []), history.get("validation_cross_entropy", [])
    return {
        "folder": stage.output,
        "learning_rate": stage.schedule.learning_rate,
        "warmup_ratio": stage.schedule.warmup_ratio,
        "steps": stage.steps,
        "validation_accuracy": accuracy[-1][1] if accuracy else 0.0,
        "validation_cross_entropy": entropy[-1][1] if entropy else 0.0,
        "curve": accuracy,
    }


def _before_finetune(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Return what stage 2 starts from."""
    if context.recipe.finetune.attention_first:
        return _after(attention_stage(context, corpus))
    return _start(context, corpus)


def _start(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    """Return what the stages after stage 1 start from: it, another corpus's student, or the base."""
    if has_stage_1(context, corpus):
        return _after(pretrain_stage(context, corpus))
    if context.recipe.finetune.starts_from:
        return _other_student(context, context.recipe.finetune.starts_from)
    return _base(context, corpus)


def check_start(context: Context) -> None:
    """Raise `UserError` if stage 2 cannot start from the student that the recipe names; before anything is spent."""
    if context.recipe.finetune.starts_from:
        _other_student(context, context.recipe.finetune.starts_from)


def _other_student(context: Context, folder: str) -> dict[str, Any]:
    note, shape = read_note(context.workspace, folder), _shape(context)
    if note is None:
        raise UserError(
            f"finetune.starts_from: {context.workspace.show(folder)} is no student of this workspace; train it first, "
            "say with jobs/tmkd_pretrain.py and the recipe of its corpus"
        )
    config = load_config(fetch(context.workspace, folder))
    kind = context.recipe.student.kind
    of_start = "bi_lstm" if config.base["model_type"] == BiLstmConfig.model_type else "encoder"
    layers = "layers" if kind == "encoder" else "bi_lstm.layers"
    alike = {
        "kind": (of_start, kind),
        layers: (config.num_hidden_layers, shape.layers),
        "pooling": (config.pooling, shape.pooling),
    }
    for key, (has, wanted) in alike.items():
        if has != wanted:
            raise UserError(
                f"finetune.starts_from: {context.workspace.show(folder)} has {key} {has}, but student.{key} is "
                f"{wanted}; they must be the same"
            )
    return {"starts_from": folder, "parent": note["identity"]}


def _after(before: Stage) -> dict[str, Any]:
    """Return what a stage starts from that follows another one."""
    return {"starts_from": before.output, "parent": before.identity()}


def _base(context: Context, corpus: CorpusManifest) -> dict[str, Any]:
    base = student_base(context, corpus)
    return {"base": base, "base_identity": base_identity(context.workspace, base, "student.base")}


def _shape(context: Context) -> StudentShape:
    student = context.recipe.student
    if student.kind == "bi_lstm":  # its vectors are random or of another text
        return StudentShape(student.bi_lstm.layers, student.pooling, False, student.dropout, student.max_length)
    return StudentShape(student.layers, student.pooling, student.freeze_embeddings, student.dropout, student.max_length)


def _paced(context: Context, schedule: Schedule) -> Schedule:
    """Return a stage's schedule at the rate of what learns."""
    student = context.recipe.student
    rate = student.bi_lstm.learning_rate if student.kind == "bi_lstm" else schedule.learning_rate
    return schedule.model_copy(update={"learning_rate": rate})


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
