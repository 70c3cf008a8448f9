"""The list: one function per step, which yields what the step needs and the recipe or the corpus does not give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tmkd.errors import UserError
from tmkd.objectives.compose import learns_headers
from tmkd.objectives.registry import OBJECTIVES
from tmkd.recipe.objective_names import ObjectiveList
from tmkd.steps.conditions.known import TRAIN, UNLABELED, VALIDATION, Known
from tmkd.steps.corpus import require_split
from tmkd.steps.teachers import trained_folder
from tmkd.tasks.registry import task_of
from tmkd.training.run import check_room, is_alone

Condition = Callable[[Known], Iterator[str]]


def room(known: Known) -> Iterator[str]:
    """Training workers must fit into the cluster; models that are there need none."""
    folders = [f"{known.context.run_folder}/{name}" for name in ("pretrained", "finetuned")]
    folders += [trained_folder(known.context, name) for name, entry in known.recipe.teachers.items() if entry.train]
    if any(known.is_trained(folder) for folder in folders):
        return
    try:
        check_room(known.recipe.training, is_alone())
    except UserError as error:
        yield str(error)


def teachers_room(known: Known) -> Iterator[str]:
    """Teachers that are trained need room, too."""
    if any(entry.train for entry in known.recipe.teachers.values()):
        yield from room(known)


def teachers(known: Known) -> Iterator[str]:
    """Trained teachers need golden labels of two classes; a warm-up needs unlabeled text."""
    corpus = known.corpus
    for name, entry in known.recipe.teachers.items():
        if (training := entry.train) is None:
            continue
        key = f"teachers.{name}.train"
        if training.warm_up is None and not corpus.has_labels(TRAIN):
            yield (
                f"{key}: corpus {corpus.name} has no golden labels to train on; map corpus.columns.label, give train a "
                "warm_up from other teachers, or drop it"
            )
        if known.one_class:
            yield f"{key}: {known.one_class}, so it would learn to say that of everything; {_more_labels('drop train')}"
        if training.warm_up is not None and not corpus.rows(UNLABELED):
            yield f"{key}.warm_up: corpus {corpus.name} has no unlabeled text to be warmed up on; drop it"
        warm_up = training.warm_up and known.too_long(f"{key}.warm_up", training.warm_up, corpus.rows(UNLABELED))
        yield from filter(None, (warm_up, known.too_long(f"{key}.golden", training.golden, corpus.rows(TRAIN))))


def pretrain(known: Known) -> Iterator[str]:
    """Stage 1 needs unlabeled text, and candidates where its objective compares them."""
    corpus, asked = known.corpus, known.recipe.pretrain
    if not corpus.rows(UNLABELED):
        yield (
            f"corpus {corpus.name} has no unlabeled text, so there is no stage 1: jobs/tmkd_finetune.py starts from "
            "the base"
        )
        return
    if (comparing := known.comparing("pretrain")) and not known.has_rivals(UNLABELED):
        yield _no_rivals(_key("pretrain", asked.objectives), comparing.name, UNLABELED, corpus.name)
    yield from _best(known)
    yield from filter(None, [known.too_long("pretrain", asked, known.rows_of_stage_1())])


def finetune(known: Known) -> Iterator[str]:
    """Stage 2 needs golden labels, of two classes where it learns them, and candidates as stage 1 does."""
    corpus, asked = known.corpus, known.recipe.finetune
    if not corpus.has_labels(TRAIN):
        yield (
            f"corpus {corpus.name} has no golden labels, so there is no stage 2; the student of stage 1 is all there "
            "can be: jobs/tmkd_pretrain.py trains it, and jobs/evaluate.py compares it with its teachers"
        )
        return
    objectives = known.objectives("finetune")
    golden = next((each for each in objectives if each.kind().needs_golden), None)
    if golden and known.one_class:
        listed = f"finetune.objectives: {golden.name}", "leave it out"
        key, remedy = listed if asked.objectives else (f"finetune.alpha: {asked.alpha:g}", "set finetune.alpha to 1")
        yield (
            f"{key}, but {known.one_class}, so the golden header would learn to say that of "
            f"everything; {_more_labels(f'{remedy} (soft labels alone)')}"
        )
    if (comparing := known.comparing("finetune")) and not known.has_rivals(TRAIN):
        yield _no_rivals(_key("finetune", asked.objectives), comparing.name, TRAIN, corpus.name)
    yield from _best(known) if learns_headers(objectives) else ()
    yield from filter(None, [known.too_long("finetune", asked, corpus.rows(TRAIN))])


def _key(stage: str, listed: ObjectiveList) -> str:
    """Return the key of a recipe that names the objective of a stage."""
    return f"{stage}.objectives" if listed else f"{stage}.objective"


def before_finetune(known: Known) -> Iterator[str]:
    """Stage 2 starts from stage 1, where there is one."""
    if known.recipe.pretrain.enabled and known.corpus.rows(UNLABELED):
        yield from pretrain(known)


def students(known: Known) -> Iterator[str]:
    """An evaluation trains the stages that the recipe and the corpus have, and needs no other."""
    yield from before_finetune(known)
    if known.corpus.has_labels(TRAIN):
        yield from finetune(known)


def baseline(known: Known) -> Iterator[str]:
    """The baseline needs golden labels of two classes, and judged rows where the best of several is kept."""
    asked, corpus = known.recipe.baseline, known.corpus
    if not asked.enabled or not corpus.has_labels(TRAIN):
        return
    if known.one_class:
        yield (
            f"baseline.enabled: {known.one_class}, and nothing can be learned from golden labels alone; "
            f"{_more_labels('set baseline.enabled to false')}"
        )
    tried = len(asked.learning_rates) * len(asked.warmup_ratios)
    if tried > 1 and not (corpus.has_labels(VALIDATION) and known.recipe.training.validations):
        yield (
            f"baseline: the best of {tried} settings is picked by validation accuracy, which is not measured (corpus "
            f"{corpus.name} has {corpus.labelled(VALIDATION):,} golden labels in its validation split, and "
            f"training.validations is {known.recipe.training.validations}); give one learning rate and warm-up"
        )


def evaluate(known: Known) -> Iterator[str]:
    """The judged split must have rows."""
    try:
        require_split(known.corpus, known.recipe.evaluation.split)
    except UserError as error:
        yield str(error)


def several_classes(known: Known) -> Iterator[str]:
    """A comparison or search learns golden labels in every cell or trial."""
    if known.one_class:
        yield f"{known.one_class}, so students of golden labels cannot be compared; {_more_labels('')}"


def compared_objectives(known: Known) -> Iterator[str]:
    """Cells of a comparison need candidates where their objectives compare them."""
    asked = dict.fromkeys(name for grid in known.recipe.compare.grids for name in grid.objectives)
    yield from _rivals("compare.grids.objectives", asked, known)


def searched_objectives(known: Known) -> Iterator[str]:
    """Trials of a search need them, too."""
    yield from _rivals("search.objectives", known.recipe.search.objectives, known)


STEPS: dict[str, tuple[Condition, ...]] = {
    "teachers": (teachers_room, teachers),
    "stage 1": (room, pretrain),
    "stage 2": (room, before_finetune, finetune),
    "students": (room, students),
    "baseline": (baseline,),
    "evaluation": (evaluate,),
    "comparison": (room, several_classes, evaluate, compared_objectives),
    "search": (several_classes, evaluate, searched_objectives),
}
"""Step -> its conditions, in the order in which steps run."""


def _best(known: Known) -> Iterator[str]:
    if known.recipe.student.soft_headers == "best" and not known.corpus.has_labels(VALIDATION):
        yield (
            f"student.soft_headers: best is chosen by golden labels of the {VALIDATION} split, and corpus "
            f"{known.corpus.name} has none; name a teacher: {', '.join(known.recipe.teachers)}"
        )


def _rivals(key: str, objectives: Iterable[str], known: Known) -> Iterator[str]:
    for name in objectives:
        if (
            task_of(known.corpus.task).has_candidates
            and OBJECTIVES[name].kind().compares
            and not known.has_rivals(TRAIN)
        ):
            yield _no_rivals(key, name, TRAIN, known.corpus.name)


def _no_rivals(key: str, objective: str, split: str, corpus: str) -> str:
    return (
        f"{key}: {objective} compares a question's candidates, but no question of the {split} split of "
        f"{corpus} has more than one; take mse or kl, or give candidates (corpus.mining)"
    )


def _more_labels(or_else: str) -> str:
    return "give rows with other labels (corpus.columns.label)" + (f", or {or_else}" if or_else else "")
