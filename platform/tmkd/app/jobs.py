"""The jobs: each makes what it needs and is not there yet, then does its own step."""

from __future__ import annotations

from typing import Any

from tmkd.app.cli import main
from tmkd.corpus.manifest import CorpusManifest
from tmkd.recipe.recipe import Recipe
from tmkd.steps.context import Context

LABEL_SWITCHES = {
    "plan": "label one shard a teacher and say what the rest will take (see --labelling.*)",
    "verify": "check corpus, labels, tokens and models against their hashes and change nothing; exit status 1 if "
    "anything is wrong",
    "requeue": "label shards with rejected rows again",
}
STUDENT_STEPS = ("stage 1", "stage 2", "baseline")
"""What follows the labels."""
COMPARE_SHORTHAND = {"seeds": "compare.seeds"}
SEARCH_SHORTHAND = {"trials": "search.trials", "under-ms": "search.under_ms", "at-least": "search.at_least"}


def prepare_corpus() -> int:
    """Run ``jobs/prepare_corpus.py``."""
    return main("prepare_corpus", "Make the corpus: sources, candidates, splits, shards, rejected rows.", _corpus,
                "python jobs/train_teachers.py")  # fmt: skip


def train_teachers() -> int:
    """Run ``jobs/train_teachers.py``."""
    return main("train_teachers", "Fine-tune the teachers that are to be trained and measure all of them.", _teachers,
                "python jobs/label_corpus.py")  # fmt: skip


def label_corpus() -> int:
    """Run ``jobs/label_corpus.py``."""
    return main("label_corpus", "Let every teacher score the corpus; finished shards are not done again.", _labels,
                _first_training, own=LABEL_SWITCHES)  # fmt: skip


def tmkd_pretrain() -> int:
    """Run ``jobs/tmkd_pretrain.py``."""
    return main("tmkd_pretrain", "Stage 1 of TMKD: distil the teachers' soft labels of the unlabeled corpus into the "
                "student. Makes the corpus, the teachers and the labels first where they are not there.", _pretrain,
                "python jobs/tmkd_finetune.py")  # fmt: skip


def tmkd_finetune() -> int:
    """Run ``jobs/tmkd_finetune.py``."""
    return main("tmkd_finetune", "Stage 2 of TMKD: fine-tune the student on golden and soft labels.", _finetune,
                "python jobs/evaluate.py")  # fmt: skip


def evaluate() -> int:
    """Run ``jobs/evaluate.py``."""
    return main("evaluate", "Judge and time every teacher, the ensemble, the baseline and the student.", _evaluate,
                None)  # fmt: skip


def compare() -> int:
    """Run ``jobs/compare.py``."""
    return main("compare", "Train and judge what compare.grids ask for (regimes, depths, weights, objectives) over "
                "several seeds, and write one report.", _compare, None,
                shorthand=COMPARE_SHORTHAND)  # fmt: skip


def tmkd_search() -> int:
    """Run ``jobs/tmkd_search.py``."""
    return main("tmkd_search", "Search the student that is wanted: its depth, weights and rates (search.*), by trials "
                "of stage 2 on one stage 1 for all depths; pick from quality against time.", _search, None,
                shorthand=SEARCH_SHORTHAND)  # fmt: skip


def _first_training(recipe: Recipe) -> str:
    """Return the job of the student's first stage: without a stage 1 that of stage 2."""
    return f"python jobs/{'tmkd_pretrain' if recipe.pretrain.enabled else 'tmkd_finetune'}.py"


def _corpus(context: Context) -> dict[str, Any]:
    from tmkd.steps.corpus import ensure_corpus

    corpus = ensure_corpus(context)
    return {"corpus": corpus.name, "fingerprint": corpus.fingerprint, "splits": corpus.splits, "counts": corpus.counts}


def _teachers(context: Context) -> dict[str, Any]:
    from tmkd.steps.conditions import check_steps
    from tmkd.steps.corpus import ensure_corpus
    from tmkd.steps.labels import calibration_split
    from tmkd.steps.teachers import JUDGED, ensure_labels, ensure_teachers

    corpus = ensure_corpus(context)
    check_steps(context, corpus, ("teachers",), later=STUDENT_STEPS)
    ensure_teachers(context, corpus)
    ensure_labels(context, corpus, (*JUDGED, calibration_split(context, corpus)))
    return {"teachers": _teacher_table(context, corpus)}


def _labels(context: Context) -> dict[str, Any]:
    from tmkd.steps.audit.step import verify_workspace
    from tmkd.steps.label_step import forecast_labels, refuse_mixed
    from tmkd.steps.ready import ready
    from tmkd.steps.teachers import JUDGED

    refuse_mixed(context)
    if "verify" in context.asked:
        return verify_workspace(context)
    if "plan" in context.asked:
        return forecast_labels(context)
    corpus = ready(context, *JUDGED, later=STUDENT_STEPS)
    return {"labels": list(context.recipe.teachers), "teachers": _teacher_table(context, corpus)}


def _teacher_table(context: Context, corpus: CorpusManifest) -> list[dict[str, Any]]:
    from tmkd.evaluation import table
    from tmkd.steps.evaluation import teacher_quality

    name = context.recipe.evaluation.split
    if not corpus.rows(name):
        return []
    rows = teacher_quality(context, corpus, name)
    if not rows:
        return []
    table.show(rows, f"Teachers on the {name} split of {corpus.name}")
    return table.as_json(rows)


def _pretrain(context: Context) -> dict[str, Any]:
    from tmkd.errors import UserError
    from tmkd.steps.ready import ready
    from tmkd.steps.student.step import ensure_pretrained

    if not context.recipe.pretrain.enabled:
        raise UserError("pretrain.enabled: false, so there is no stage 1; jobs/tmkd_finetune.py trains stage 2")
    corpus = ready(context, steps=("stage 1",), later=("stage 2", "baseline"))
    note = ensure_pretrained(context, corpus)
    return {"student": f"{context.run_folder}/pretrained", **_trained(note)}


def _finetune(context: Context) -> dict[str, Any]:
    from tmkd.steps.ready import ready
    from tmkd.steps.student.start import check_start
    from tmkd.steps.student.step import ensure_before_finetuning, ensure_finetuned

    check_start(context)
    corpus = ready(context, steps=("stage 2",), later=("baseline",))
    ensure_before_finetuning(context, corpus)
    note = ensure_finetuned(context, corpus)
    return {"student": f"{context.run_folder}/finetuned", **_trained(note)}


def _evaluate(context: Context) -> dict[str, Any]:
    from tmkd.steps.evaluation import evaluate as evaluate_all
    from tmkd.steps.student.start import check_start

    check_start(context)
    return evaluate_all(context)


def _compare(context: Context) -> dict[str, Any]:
    from tmkd.studies.comparison.report import publish
    from tmkd.studies.comparison.step import compare as compare_all

    return publish(context, compare_all(context))


def _search(context: Context) -> dict[str, Any]:
    from tmkd.studies.search.report import publish
    from tmkd.studies.search.step import search

    return publish(context, search(context))


def _trained(note: dict[str, Any]) -> dict[str, Any]:
    kept = ("steps", "resumed_at", "rows", "rows_by_header", "seconds", "steps_per_second", "headers_started_anew")
    return {key: note[key] for key in kept if key in note} | {
        f"final_{name}": points[-1][1] for name, points in note["history"].items() if points
    }
