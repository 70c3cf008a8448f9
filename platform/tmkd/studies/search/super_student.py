"""Stage 1 of every shape that is searched: all depths of an encoder at once, or one after the other."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.models.config_file import quiet_loading
from tmkd.models.depths import check_depths, cut
from tmkd.models.folders import fetch, local_folder, publish
from tmkd.models.hashes import refuse_changed
from tmkd.models.student import StudentForSequenceClassification
from tmkd.models.student_config import at_depth
from tmkd.search.shape import Shape
from tmkd.steps.context import Context
from tmkd.steps.student.stages import pretrain_stage
from tmkd.students.registry import DEFAULT
from tmkd.studies.comparison.training import addressed
from tmkd.studies.search.space import shape_recipe
from tmkd.training.plan import NOTE, finished, read_note
from tmkd.training.run import train
from tmkd.training.side_by_side import train_side_by_side
from tmkd.training.stage import Stage
from tmkd.workspace import fingerprint

CUT = DEFAULT
"""The kind whose depths are cut out of one student."""


def check_shapes(context: Context, shapes: Sequence[Shape]) -> None:
    """Raise `UserError` if a super-student cannot be made of the base; before anything is spent."""
    if is_super(context, shapes):
        check_depths(local_folder(context.recipe.student.base, "student.base"), "search.super_student")


def is_super(context: Context, shapes: Sequence[Shape]) -> bool:
    """Tell whether the encoders' depths come out of one stage 1."""
    return context.recipe.search.super_student and len(_depths(shapes)) > 1


def ensure_stage_1(context: Context, corpus: CorpusManifest, shapes: Sequence[Shape]) -> dict[str, str]:
    """Train stage 1 of every shape, unless it is there; returns shape's name -> folder."""
    if not is_super(context, shapes):
        return _each(context, corpus, shapes)
    found = _cut_out(context, corpus, _depths(shapes))
    return found | _each(context, corpus, [shape for shape in shapes if shape.name not in found])


def super_stage(context: Context, corpus: CorpusManifest, depths: Sequence[int]) -> Stage:
    """Return stage 1 of the deepest student with headers after each of ``depths`` layers, all of one weight."""
    deepest = shape_recipe(context.recipe, Shape(CUT, max(depths)))
    stage = pretrain_stage(dataclasses.replace(context, recipe=deepest), corpus)
    signals = {at_depth(header, depth): each for depth in depths for header, each in stage.spec.signals.items()}
    return Stage(dataclasses.replace(stage.spec, name="super", signals=signals), f"{context.run_folder}/super")


def _depths(shapes: Sequence[Shape]) -> list[int]:
    return sorted(shape.size for shape in shapes if shape.student == CUT)


def _each(context: Context, corpus: CorpusManifest, shapes: Sequence[Shape]) -> dict[str, str]:
    if not shapes:
        return {}
    contexts = [dataclasses.replace(context, recipe=shape_recipe(context.recipe, shape)) for shape in shapes]
    chains = [addressed(context, [pretrain_stage(each, corpus)]) for each in contexts]
    where = f"{context.run_folder}/cells"
    step = f"stage 1 · {len(shapes)} shape{'s' if len(shapes) > 1 else ''}"
    if all(finished(context.workspace, chain[0]) for chain in chains):
        context.skip(step, where)
    else:
        with context.step(step, where):
            training, run = context.recipe.training, context.recipe.run_name
            failed = train_side_by_side(chains, training, context.workspace, run, "training")
        if failed:
            raise UserError("stage 1 failed: " + "; ".join(dict.fromkeys(failed.values())))
    return {shape.name: chain[-1].output for shape, chain in zip(shapes, chains, strict=True)}


def _cut_out(context: Context, corpus: CorpusManifest, depths: Sequence[int]) -> dict[str, str]:
    stage = super_stage(context, corpus, depths)
    folders = {depth: f"{context.run_folder}/depth-{depth}" for depth in depths}
    identities = {depth: fingerprint([stage.identity(), depth]) for depth in depths}
    step = f"stage 1 · super-student of {len(depths)} depths"
    notes = {depth: read_note(context.workspace, folder) or {} for depth, folder in folders.items()}
    if all(notes[depth].get("identity") == identities[depth] for depth in depths):
        for folder in folders.values():
            refuse_changed(context.workspace, folder)
        context.skip(step, stage.output)
    else:
        with context.step(step, stage.output), context.child(step, stage.identity()) as child:
            tracked = dataclasses.replace(stage, tracked=child)
            (note,) = train([tracked], context.recipe.training, context.workspace, context.recipe.run_name, "super")
            for depth in depths:
                more = {"identity": identities[depth], "stage": "pretrain", "cut_from": stage.output, "history": {}}
                _publish(context, stage, depth, folders[depth], {**note, **more})
    return {Shape(CUT, depth).name: folder for depth, folder in folders.items()}


def _publish(context: Context, stage: Stage, depth: int, folder: str, note: dict[str, Any]) -> None:
    whole = fetch(context.workspace, stage.output)
    with quiet_loading():
        student = cut(StudentForSequenceClassification.from_pretrained(whole), depth)
    with tempfile.TemporaryDirectory(prefix="tmkd-depth-") as name:
        with quiet_loading():
            student.save_pretrained(name)
        AutoTokenizer.from_pretrained(whole, trust_remote_code=False).save_pretrained(name)
        text = json.dumps(note, indent=1, sort_keys=True).encode()
        publish(context.workspace, Path(name), folder, {NOTE: text})
