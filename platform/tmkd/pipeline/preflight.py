"""The second half of the whole-recipe check: what only the models' own configs can tell. No weights are loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tmkd.console import heading
from tmkd.errors import UserError
from tmkd.models.build import check_base
from tmkd.models.folders import local_folder
from tmkd.pipeline.recipe.recipe import Recipe
from tmkd.tasks.tokens import vocabulary_fingerprint
from tmkd.teachers.classes import match_classes, unnamed
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kinds import teacher_class


def check_models(recipe: Recipe) -> None:
    """Find every model of the recipe and check depths and classes before anything is spent.

    Raises:
        UserError: listing all faults: a model that is not there, more layers than the base has, teachers whose
            classes cannot go with the corpus's.
    """
    faults = []
    checks = [partial(_check_student, recipe), *(partial(_check_teacher, recipe, name) for name in recipe.teachers)]
    for check in checks:
        try:
            check()
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(["the recipe cannot run:", *(f"  {fault}" for fault in dict.fromkeys(faults))]))


def _check_student(recipe: Recipe) -> None:
    if recipe.student.kind == "bi_lstm":
        vectors = recipe.student.bi_lstm.vectors
        if vectors and not Path(vectors).expanduser().is_file():
            raise UserError(f"student.bi_lstm.vectors: {vectors}: no such file; give a GloVe text file, or null")
        return
    folder = local_folder(recipe.student.base, "student.base")
    check_base(folder, recipe.student.layers, recipe.student.max_length, "student")
    if recipe.corpus.task == "span":
        _check_windows(recipe.student_reader(), folder, "student and reading")
    if recipe.finetune.attention:
        _check_attention(recipe, folder)
    if (
        recipe.corpus.task == "pair"
        and recipe.student.pooling == "match"
        and load_tokenizer(folder).sep_token_id is None
    ):
        raise UserError(
            f"student.pooling: match needs a separator token, and the tokenizer of {folder} has none; use mean"
        )


def _check_attention(recipe: Recipe, student: Path) -> None:
    """Where readers look is counted in tokens, so that they and the student must cut text alike."""
    wanted = vocabulary_fingerprint(load_tokenizer(student))
    for name, entry in recipe.teachers.items():
        folder = local_folder(entry.model, f"teachers.{name}.model")
        if vocabulary_fingerprint(load_tokenizer(folder)) != wanted:
            raise UserError(
                f"finetune.attention: {recipe.finetune.attention:g}, but the tokenizer of teachers.{name} ({folder}) "
                f"is not that of student.base ({student}); take models of one tokenizer, or set finetune.attention to 0"
            )


def _check_windows(config: TeacherConfig, folder: Path, key: str) -> None:
    from tmkd.teachers.span_reader import check_windows

    try:
        check_windows(config, load_tokenizer(folder))
    except UserError as error:
        raise UserError(f"{key}: {error}") from None


def _check_teacher(recipe: Recipe, name: str) -> None:
    entry = recipe.teachers[name]
    folder = local_folder(entry.model, f"teachers.{name}.model")
    if entry.train is None:
        card = teacher_class(entry.kind).describe(entry.config(), folder, load_tokenizer(folder))
        if recipe.corpus.task == "pair":
            found = match_classes(name, card.columns, card.classes, recipe.corpus.classes, entry.classes)
            if found.by_position and not recipe.corpus.may_have_labels:  # else golden labels will tell
                raise unnamed(name, card.classes or (), recipe.corpus.classes)
    elif entry.train.pooling != "head" or entry.kind == "span_reader":
        check_base(folder, entry.train.layers, entry.max_length, f"teachers.{name}")
    if entry.kind == "span_reader":
        _check_windows(entry.config(), folder, f"teachers.{name}")


def announce(recipe: Recipe, where: str) -> None:
    """Say in one line what is about to run."""
    heading(f"tmkd · recipe {recipe.name} · run {recipe.run_name} · workspace {where}")
