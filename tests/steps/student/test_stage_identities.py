"""Identities of the stages of the shipped recipes: a release that changes one makes everybody's students stale."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from recipe_world import described
from tmkd.corpus.manifest import CorpusManifest
from tmkd.steps.context import Context
from tmkd.steps.student.stages import baseline_stages, finetune_stage, pretrain_stage, stages_before
from tmkd.steps.teachers import _stages
from tmkd.studies.comparison.cells import cells
from tmkd.studies.comparison.training import plan
from tmkd.studies.search.super_student import super_stage
from tmkd.training.stage import Stage

RECORDED = json.loads(Path(__file__).with_name("stage_identities.json").read_text(encoding="utf-8"))
"""Case -> stage -> identity, recorded when a stage was one flat list of fields. Edit it for no new option."""

NO_START = {"finetune__starts_from": "null"}  # else the student of another corpus must be there
SHIPPED = {
    "docs": {}, "docs_full": {}, "docs_grid": {}, "pairs": {"corpus__path": "pairs.tsv"}, "squad": {},
    **dict.fromkeys(("wikiqa", "rte", "qnli", "mnli", "snli", "mrpc"), NO_START),
}  # fmt: skip
CHANGED = {
    "squad, attention first": {"finetune__attention_first": "true"},
    "squad, two headers": {
        "student__soft_headers": "each", "reading__unanswerable": "true", "pretrain__enabled": "true"
    },
    "docs, kl": {
        "finetune__objective": "kl", "finetune__temperature": "2", "pretrain__objective": "margin_mse",
        "teachers__summary__weight": "0.5",
    },
    "docs, golden alone": {"regime": "golden"},
    "docs, soft alone": {"finetune__alpha": "1"},
    "docs, mean": {"regime": "tkd_avg"},
    "docs, one stage": {"regime": "mkd"},
    "docs, rows": {"pretrain__rows": "15", "seed": "3", "baseline__learning_rates": "[1.0e-4, 3.0e-4]"},
}  # fmt: skip
GRIDS = (
    "[{regimes: [golden, mkd, tmkd, m-o-m], layers: [1, 3]}, {objectives: [kl, ranknet]}, {alphas: [0.5, 1.0]}, "
    "{unlabeled_rows: [20]}]"
)


def students(context: Context, corpus: CorpusManifest) -> dict[str, str]:
    """Return folder -> identity of the student's stages and the baseline's."""
    stages = [*stages_before(context, corpus), finetune_stage(context, corpus), *baseline_stages(context, corpus)]
    return {stage.output.removeprefix(f"{context.run_folder}/"): stage.identity() for stage in stages}


def teachers(context: Context, corpus: CorpusManifest) -> dict[str, str]:
    """Return folder -> identity of the teachers' trainings."""
    trained = {name: entry.train for name, entry in context.recipe.teachers.items() if entry.train is not None}
    stages = [stage for name, how in trained.items() for stage in _stages(context, corpus, name, how)]
    return {stage.output: stage.identity() for stage in stages}


@pytest.mark.parametrize("case", [*SHIPPED, *CHANGED])
def test_students_and_teachers_of_a_recipe(case: str, tmp_path: Path) -> None:
    context, corpus = described(tmp_path, case.partition(",")[0], **(SHIPPED | CHANGED)[case])
    assert students(context, corpus) | teachers(context, corpus) == RECORDED[case]


@pytest.mark.parametrize(
    ("case", "listed"),
    [
        (
            "docs",
            {
                "pretrain__objectives": "[{name: mse}]",
                "finetune__objectives": f"[{{name: cross_entropy, weight: {1 - 0.9}}}, {{name: mse, weight: 0.9}}]",
                "baseline__objectives": "[{name: cross_entropy}]",
            },
        ),
        (
            "squad",
            {
                "finetune__objectives": "[{name: span_cross_entropy, weight: 0.5}, {name: span_kl, weight: 0.5, "
                "temperature: 2}, {name: answer_margin, weight: 0.15}, {name: attention_mse, weight: 0.05}]"
            },
        ),
    ],
)
def test_a_list_that_says_what_the_shorthands_say_is_the_same_stage(case: str, listed: dict, tmp_path: Path) -> None:
    context, corpus = described(tmp_path, case, **listed)
    assert students(context, corpus) | teachers(context, corpus) == RECORDED[case]


def test_the_student_of_the_best_teacher(tmp_path: Path) -> None:
    context, corpus = described(tmp_path, "docs", validation=True, regime="tkd")
    assert students(context, corpus) == RECORDED["docs, best"]


def test_a_super_student(tmp_path: Path) -> None:
    context, corpus = described(tmp_path, "docs")
    assert super_stage(context, corpus, [1, 2]).identity() == RECORDED["docs, super"]["super"]


def test_cells_of_a_comparison(tmp_path: Path) -> None:
    context, corpus = described(tmp_path, "docs_grid", compare__grids=GRIDS)
    planned = plan(context, corpus, cells(context.recipe), [0, 1])
    found = {
        f"{each.cell.name(each.cell)} {place} {each.seed}": [
            " ".join(stage.identity() for stage in chain) for chain in each.chains
        ]
        for place, each in enumerate(planned)
    }
    assert found == RECORDED["docs_grid cells"]


def test_a_bi_lstm_student(tmp_path: Path) -> None:
    """Its base is drawn at random, whose last digits depend on the machine: another name stands for it here."""
    context, corpus = described(tmp_path, "docs", student__kind="bi_lstm")
    (baseline,) = baseline_stages(context, corpus)
    found = {
        "pretrained": started(pretrain_stage(context, corpus), base_identity="words"),
        "finetuned": started(finetune_stage(context, corpus), parent="pretrained"),
        "baseline/0.0003-0.1": started(baseline, base_identity="words"),
    }
    assert found == RECORDED["docs, bi_lstm"]


def started(stage: Stage, **changes: str) -> str:
    """Return the identity of a stage with another start."""
    start = dataclasses.replace(stage.spec.start, **changes)
    return dataclasses.replace(stage.spec, start=start).identity()
