"""Steps 4 and 5: the two stages, and the baseline that they must beat, trained as far as they are not there."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.recipe.recipe import Recipe
from tmkd.steps.context import Context
from tmkd.steps.student.stages import (
    attention_stage,
    baseline_stages,
    finetune_stage,
    has_stage_1,
    pretrain_stage,
)
from tmkd.tasks.base import load_part
from tmkd.tracking.folder_model import FolderModel
from tmkd.training.plan import finished
from tmkd.training.run import train
from tmkd.training.stage import Stage


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
        The folder of the best one, and what every setting reached: its curve and final validation accuracy (None where
        nothing was measured).
    """
    stages = baseline_stages(context, corpus)
    notes = _ensure(context, "baseline · golden labels alone", stages)
    tried = [_tried(stage, note) for stage, note in zip(stages, notes, strict=True)]
    return _best(tried), tried


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


def _ensure(context: Context, step: str, stages: list[Stage]) -> list[dict[str, Any]]:
    where = stages[0].output if len(stages) == 1 else stages[0].output.rsplit("/", 1)[0]
    notes = [finished(context.workspace, stage) for stage in stages]
    if all(note is not None for note in notes):
        context.skip(step, where)
        return _counted(context, stages, [note for note in notes if note is not None])
    with context.step(step, where), context.child(step, stages[-1].identity()) as child:
        child.params(_params(context.recipe, stages))
        tracked = [dataclasses.replace(stage, tracked=child if len(stages) == 1 else None) for stage in stages]
        found = train(tracked, context.recipe.training, context.workspace, context.recipe.run_name, stages[0].name)
        if len(stages) == 1 and stages[0].spec.headers:
            child.model(lambda: _described(context, stages[0]), name=stages[0].name)
        child.metrics(_rows(stages[0], found[0]))
    return _counted(context, stages, found)


def _counted(context: Context, stages: list[Stage], notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Note for the summary how many rows each header of a step's first stage learned from; returns ``notes``."""
    context.learned[stages[0].name] = notes[0]
    return notes


def _rows(stage: Stage, note: dict[str, Any]) -> dict[str, float]:
    """Return rows by header as MLflow shows them."""
    return {f"{stage.name}/rows/{header}": float(rows) for header, rows in note.get("rows_by_header", {}).items()}


def _best(tried: list[dict[str, Any]]) -> str:
    """Return the folder of the setting that is best on validation; the only one needs no measurement.

    Raises:
        UserError: if there are several and one of them was not measured.
    """
    if len(tried) == 1:
        return str(tried[0]["folder"])
    missing = [str(row["folder"]) for row in tried if row["validation_accuracy"] is None]
    if missing:
        raise UserError(
            f"baseline: {missing[0]} has no validation accuracy, by which the best of {len(tried)} settings is picked; "
            "give golden labels to the validation split, or one learning rate and warm-up"
        )
    best = max(tried, key=lambda row: (row["validation_accuracy"], -row["validation_cross_entropy"]))
    return str(best["folder"])


def _described(context: Context, stage: Stage) -> FolderModel:
    """Return what MLflow is told of a finished student."""
    return cast(FolderModel, load_part(context.recipe.task.tracked)(context, stage.output))


def _params(recipe: Recipe, stages: list[Stage]) -> dict[str, Any]:
    """Return what MLflow shows of a step's first stage: its block of the recipe, with the schedule that it has."""
    spec = stages[0].spec
    blocks = {"pretrain": recipe.pretrain, "finetune": recipe.finetune, "attention": recipe.finetune}
    block = {**(blocks[spec.name].model_dump() if spec.name in blocks else {}), **spec.schedule.model_dump()}
    schedule = {f"schedule.{key}": value for key, value in block.items()}
    return {"rows": spec.rows, "steps": spec.steps, "headers": ", ".join(spec.headers), **schedule}


def _tried(stage: Stage, note: dict[str, Any]) -> dict[str, Any]:
    history = note["history"]
    accuracy, entropy = history.get("validation_accuracy", []), history.get("validation_cross_entropy", [])
    return {
        "folder": stage.output,
        "learning_rate": stage.spec.schedule.learning_rate,
        "warmup_ratio": stage.spec.schedule.warmup_ratio,
        "steps": stage.steps,
        "validation_accuracy": accuracy[-1][1] if accuracy else None,
        "validation_cross_entropy": entropy[-1][1] if entropy else None,
        "curve": accuracy,
    }
