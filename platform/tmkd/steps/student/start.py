"""What a student starts from: its base, the stage before, or another corpus's student of the same shape."""

from __future__ import annotations

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.models.bi_lstm_config import BiLstmConfig
from tmkd.models.build import StudentShape
from tmkd.models.config_file import load_config
from tmkd.models.folders import everywhere, fetch
from tmkd.steps.context import Context
from tmkd.steps.labels import base_identity
from tmkd.steps.student.word_base import student_base
from tmkd.training.plan import read_note
from tmkd.training.stage import Stage
from tmkd.training.stage_parts import Start


def student_shape(context: Context) -> StudentShape:
    student = context.recipe.student
    if student.kind == "bi_lstm":  # its vectors are random or of another text
        return StudentShape(student.bi_lstm.layers, student.pooling, False, student.dropout, student.max_length)
    return StudentShape(student.layers, student.pooling, student.freeze_embeddings, student.dropout, student.max_length)


def from_base(context: Context, corpus: CorpusManifest) -> Start:
    base = student_base(context, corpus)
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
    return Start(folder=folder, parent=note["identity"])
