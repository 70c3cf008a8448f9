"""What every stage of a recipe learns: its list of objectives, or what its shorthands expand to."""

from __future__ import annotations

from collections.abc import Mapping

from tmkd.recipe.objective_fit import Given, check_objectives
from tmkd.recipe.shorthands import Listed, attention_alone, golden_alone, golden_and_soft, soft_alone
from tmkd.recipe.student import BaselineRecipe, FinetuneRecipe, PretrainRecipe, ReadingRecipe
from tmkd.recipe.teacher import TeacherEntry, TeacherTraining, WarmUp
from tmkd.tasks.registry import task_of
from tmkd.tasks.signals import CLASS_LOGITS, SPAN_LOGITS


def of_pretrain(task: str, asked: PretrainRecipe, reading: ReadingRecipe) -> Listed:
    """Return what stage 1 learns."""
    return tuple(asked.objectives) or soft_alone(task, asked.objective, asked.temperature, reading.temperature)


def of_attention(asked: FinetuneRecipe) -> Listed:
    """Return what the stage before all others learns; nothing without ``attention_first``."""
    return attention_alone() if asked.attention_first else ()


def of_finetune(task: str, asked: FinetuneRecipe, reading: ReadingRecipe) -> Listed:
    """Return what stage 2 learns."""
    beside = 0.0 if asked.attention_first else asked.attention
    weights = {"golden": 1 - asked.alpha, "soft": asked.alpha, "answer": asked.answer, "attention": beside}
    return tuple(asked.objectives) or golden_and_soft(
        task, weights, asked.objective, asked.temperature, reading.temperature, reading.candidates
    )


def of_baseline(task: str, asked: BaselineRecipe) -> Listed:
    """Return what the baseline learns."""
    return tuple(asked.objectives) or golden_alone(task)


def of_teacher(task: str, asked: TeacherTraining) -> Listed:
    """Return what a teacher learns from golden labels."""
    return tuple(asked.objectives) or golden_alone(task)


def of_warm_up(task: str, asked: WarmUp) -> Listed:
    """Return what a teacher learns from other teachers."""
    return tuple(asked.objectives) or soft_alone(task, "mse", 1.0, 1.0)


def expand(
    task: str,
    pretrain: PretrainRecipe,
    finetune: FinetuneRecipe,
    baseline: BaselineRecipe,
    reading: ReadingRecipe,
    teachers: Mapping[str, TeacherEntry],
) -> dict[str, Listed]:
    """Return the key of each stage that a recipe has -> its objectives, in the order in which stages are trained."""
    found: dict[str, Listed] = {}
    for name, training in ((name, entry.train) for name, entry in teachers.items() if entry.train is not None):
        if training.warm_up is not None:
            found[f"teachers.{name}.train.warm_up"] = of_warm_up(task, training.warm_up)
        found[f"teachers.{name}.train"] = of_teacher(task, training)
    stages = {
        "pretrain": of_pretrain(task, pretrain, reading) if pretrain.enabled else (),
        "finetune.attention_first": of_attention(finetune),
        "finetune": of_finetune(task, finetune, reading),
        "baseline": of_baseline(task, baseline) if baseline.enabled else (),
    }
    return {**found, **{key: listed for key, listed in stages.items() if listed}}


def check_lists(lists: Mapping[str, Listed], task: str, classes: int) -> None:
    """Raise `ValueError` for the first objective that a recipe lists and that does not fit its stage.

    Args:
        lists: key of a stage -> the objectives that are listed there, no shorthands.
        task: of the corpus.
        classes: how many it has.
    """
    for key, listed in lists.items():
        check_objectives(f"{key}.objectives", listed, _given(key, task, classes))


def _given(key: str, task: str, classes: int) -> Given:
    if key == "pretrain" or key.endswith(".warm_up"):  # where readers look is stored for the train split alone
        kept = tuple(signal for signal in task_of(task).gives if signal in (CLASS_LOGITS, SPAN_LOGITS))
        return Given(task, kept, "the soft labels of the unlabeled split", False, "unlabeled", classes)
    if key == "finetune":
        return Given(task, task_of(task).gives, "the soft labels of the train split", True, "train", classes)
    return Given(task, (), "golden labels, which alone it learns from,", True, "train", classes)
