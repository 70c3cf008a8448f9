"""The second half of the whole-recipe check: what only the models' own configs can tell. No weights are loaded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from tmkd.console import heading, warn
from tmkd.errors import UserError
from tmkd.models.base_check import check_base
from tmkd.models.config_file import load_config
from tmkd.models.cutting import layer_count
from tmkd.models.folders import local_folder
from tmkd.recipe.recipe import Recipe
from tmkd.students.registry import kind_of
from tmkd.teachers.check import check_teacher, check_trainable
from tmkd.teachers.classes import match_classes, unnamed
from tmkd.teachers.config import TeacherConfig
from tmkd.teachers.folder import load_tokenizer
from tmkd.teachers.kind_class import teacher_class
from tmkd.text.features import Template
from tmkd.text.tokens import vocabulary_fingerprint
from tmkd.training.model import student_class


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
    student = kind_of(recipe.student.kind)
    student.check(recipe.student)
    if not student.is_cut:  # its base is made here
        return
    folder = local_folder(recipe.student.base, "student.base")
    tokenizer = load_tokenizer(folder)
    kind = student_class(recipe.corpus.task)
    length, attention = recipe.student.max_length, recipe.learns_attention
    check_base(folder, recipe.student.layers, length, "student", kind, attention)
    has = layer_count(load_config(folder))
    for key, depths in other_depths(recipe).items():
        if max(depths) <= has:
            check_base(folder, max(depths), length, key, kind, attention)
        else:
            warn(f"{key}.layers: {max(depths)} layers, but {folder} has {has}; the job that asks for them will refuse")
    if recipe.task.has_answers:
        _check_windows(recipe.student_reader(), folder, "student and reading")
    else:
        check_pooling(recipe.student.pooling, folder, tokenizer, "student")
    if recipe.learns_attention:
        _check_attention(recipe, folder)


def other_depths(recipe: Recipe) -> dict[str, list[int]]:
    """Return the depths that later jobs cut a student of, by the part of the recipe that asks for them."""
    grids = [depth for grid in recipe.compare.grids for depth in grid.layers]
    searched = list(recipe.search.layers) if recipe.task.has_studies else []
    return {key: found for key, found in (("search", searched), ("compare.grids", grids)) if found}


def check_pooling(pooling: str, folder: Path, tokenizer: PreTrainedTokenizerBase, key: str) -> None:
    """Raise `UserError` if a tokenizer does not put the tokens around texts that a header's pooling reads."""
    if pooling == "match" and tokenizer.sep_token_id is None:
        raise UserError(
            f"{key}.pooling: match needs a separator token, and the tokenizer of {folder} has none; use mean"
        )
    if pooling == "cls" and not Template.of(tokenizer, 2).parts[0]:
        raise UserError(
            f"{key}.pooling: cls reads the token before the texts, and the tokenizer of {folder} puts none there; use "
            "mean"
        )


def _check_attention(recipe: Recipe, student: Path) -> None:
    """Where readers look is counted in tokens, so that they and the student must cut text alike."""
    wanted = vocabulary_fingerprint(load_tokenizer(student))
    asked, remedy = f"finetune.attention: {recipe.finetune.attention:g}", "set finetune.attention to 0"
    if recipe.finetune.objectives:
        asked, remedy = "finetune.objectives: attention_mse", "leave that out"
    for name, entry in recipe.teachers.items():
        folder = local_folder(entry.model, f"teachers.{name}.model")
        if vocabulary_fingerprint(load_tokenizer(folder)) != wanted:
            raise UserError(
                f"{asked}, but the tokenizer of teachers.{name} ({folder}) "
                f"is not that of student.base ({student}); take models of one tokenizer, or {remedy}"
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
    tokenizer = load_tokenizer(folder)
    if entry.train is None:
        card = teacher_class(entry.kind).describe(entry.config(), folder, tokenizer)
        if recipe.task.has_classes:
            found = match_classes(name, card.columns, card.classes, recipe.corpus.classes, entry.classes)
            if found.by_position and not recipe.corpus.may_have_labels:  # else golden labels will tell
                raise unnamed(name, card.classes or (), recipe.corpus.classes)
        check_teacher(entry.config(), folder, f"teachers.{name}")
        for remark in card.remarks:
            warn(f"teachers.{name}: {remark}")
    elif entry.train.pooling == "head" and entry.kind != "span_reader":
        check_trainable(folder, entry.max_length, f"teachers.{name}")
    else:
        kind = student_class(recipe.corpus.task)
        check_base(folder, entry.train.layers, entry.max_length, f"teachers.{name}", kind)
        if entry.kind != "span_reader":
            check_pooling(entry.train.pooling, folder, tokenizer, f"teachers.{name}.train")
    if entry.kind == "span_reader":
        _check_windows(entry.config(), folder, f"teachers.{name}")


def announce(recipe: Recipe, where: str) -> None:
    """Say in one line what is about to run."""
    heading(f"tmkd · recipe {recipe.name} · run {recipe.run_name} · workspace {where}")
