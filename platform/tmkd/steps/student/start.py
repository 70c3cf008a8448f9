"""What a student starts from: its base, the stage before, or another corpus's student of the same shape."""

from __future__ import annotations

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.models.config_file import load_config
from tmkd.models.folders import everywhere, fetch
from tmkd.models.shape import StudentShape
from tmkd.steps.context import Context
from tmkd.steps.labels import base_identity
from tmkd.steps.student.material import material
from tmkd.students.registry import kind_of, kind_of_base
from tmkd.training.plan import read_note
from tmkd.training.stage import Stage
from tmkd.training.stage_parts import Start


def student_shape(context: Context) -> StudentShape:
    student = context.recipe.student
    return kind_of(student.kind).shape(student)


def from_base(context: Context, corpus: CorpusManifest) -> Start:
    student = context.recipe.student
    base = kind_of(student.kind).base(student, material(context, corpus))
    return Start(base=everywhere(base), base_identity=base_identity(context.workspace, base, "student.base"))


def after(before: Stage) -> Start:
    """Return what a stage starts from that follows another one."""
    return Start(folder=before.output, parent=before.identity())


def check_start(context: Context) -> None:
    """Raise `UserError` if stage 2 cannot start from the student that the recipe names; before anything is spent."""
    if context.recipe.finetune.starts_from:
        other_student(context, context.recipe.finetune.starts_from)


def other_student(context: Context, folder: str) -> Start:
    note, shape = read_note(context.workspace, folder), student_shape(context)
    if note is None:
        raise UserError(
            f"finetune.starts_from: {context.workspace.show(folder)} is no student of this workspace; train it first, "
            "say with jobs/tmkd_pretrain.py and the recipe of its corpus"
        )
    config = load_config(fetch(context.workspace, folder))
    kind = kind_of(context.recipe.student.kind)
    alike = {
        "kind": (kind_of_base(config.base["model_type"]).name, kind.name),
        kind.layers_key: (config.num_hidden_layers, shape.layers),
        "pooling": (config.pooling, shape.pooling),
    }
    for key, (has, wanted) in alike.items():
        if has != wanted:
            raise UserError(
                f"finetune.starts_from: {context.workspace.show(folder)} has {key} {has}, but student.{key} is "
                f"{wanted}; they must be the same"
            )
    return Start(folder=folder, parent=note["identity"])
