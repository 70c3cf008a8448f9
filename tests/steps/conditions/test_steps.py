"""What a step lacks is said as soon as the corpus is there: no teacher, no label and no Ray is needed for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tmkd.config import parse
from tmkd.corpus.build import prepare_corpus
from tmkd.errors import UserError
from tmkd.recipe.recipe import Recipe
from tmkd.steps.conditions import check_steps
from tmkd.steps.conditions.steps import STEPS
from tmkd.steps.context import Context
from tmkd.workspace import Workspace

EVERY_STEP = [step for step in STEPS if step not in ("comparison", "search")]
QUESTIONS = 12


def made(folder: Path, labels: list[str], candidates: int = 1, questions: int = QUESTIONS, **recipe: Any):
    """Return a context and the corpus of questions whose candidates have the given labels in turn."""
    lines = [
        f"question {q}\tpassage {q} {c}\t{labels[(q * candidates + c) % len(labels)]}"
        for q in range(questions)
        for c in range(candidates)
    ]
    file = folder / "pairs.tsv"
    file.write_text("\n".join(["question\tpassage\tlabel", *lines]))
    corpus = {"name": "c", "path": str(file), "mining": {"enabled": False}, **recipe.pop("corpus", {})}
    tree = {
        "name": "r", "corpus": corpus, "teachers": {"one": {"model": "some-model"}},
        "training": {"gpus_per_worker": 0}, **recipe,
    }  # fmt: skip
    context = Context(parse(Recipe, tree, "recipe"), Workspace.open(str(folder / "workspace")), None, None)
    return context, prepare_corpus(context.recipe.corpus, context.workspace)


ALL_1, BOTH, NONE = ["1"], ["1", "0"], [""]
TRAINED = {"teachers": {"one": {"model": "m", "train": {}}}}
WARMED = {"two": {"model": "m", "train": {"warm_up": {"teachers": ["one"]}}}}
NO_VALIDATION = {"corpus": {"split": {"validation": 0}}}


@pytest.mark.parametrize(
    ("step", "labels", "recipe", "words"),
    [
        ("teachers", NONE, TRAINED, r"teachers\.one\.train: corpus c has no golden labels"),
        ("teachers", ALL_1, TRAINED, r"one\.train: every golden label of the train split of c is relevant \(10\)"),
        ("teachers", BOTH, {"teachers": {"one": {"model": "m", "train": {"golden": {"epochs": 1e9}}}}},
         r"teachers\.one\.train\.golden\.epochs: 1e\+09 passes .* steps"),
        ("stage 1", BOTH, {"pretrain": {"objective": "ranknet"}}, r"pretrain\.objective: ranknet .* no question of"),
        ("stage 1", BOTH, {"pretrain": {"epochs": 1e9}}, r"pretrain\.epochs: .* are 1,000,000,000 steps"),
        ("stage 1", BOTH, {"student": {"soft_headers": "best"}, **NO_VALIDATION}, "best is chosen by golden labels"),
        ("stage 2", NONE, {}, "no golden labels, so there is no stage 2"),
        ("stage 2", ALL_1, {}, r"finetune\.alpha: 0\.9, but every golden label .* set finetune\.alpha to 1"),
        ("stage 2", BOTH, {"finetune": {"objective": "margin_mse"}}, r"finetune\.objective: margin_mse compares"),
        ("stage 2", BOTH, {"finetune": {"epochs": 1e9}}, r"finetune\.epochs: "),
        ("students", ALL_1, {}, r"finetune\.alpha: 0\.9"),
        ("baseline", ALL_1, {}, r"set baseline\.enabled to false"),
        ("baseline", BOTH, {"baseline": {"learning_rates": [1e-4, 1e-3]}, **NO_VALIDATION}, "the best of 2 settings"),
        ("evaluation", BOTH, {"corpus": {"split": {"test": 0}}}, r"evaluation\.split: corpus c has no test split"),
        ("comparison", BOTH, {"compare": {"grids": [{"objectives": ["ranknet"]}]}}, "objectives: ranknet compares"),
        ("search", BOTH, {"search": {"objectives": ["kl", "margin_mse"]}}, r"search\.objectives: margin_mse compares"),
        ("comparison", ALL_1, {}, "students of golden labels cannot be compared"),
        ("search", ALL_1, {}, "students of golden labels cannot be compared"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_do_its_work_is_refused(tmp_path, step: str, labels, recipe, words: str) -> None:
    context, corpus = made(tmp_path, labels, **recipe)
    with pytest.raises(UserError, match=words):
        check_steps(context, corpus, [step])


def test_stage_1_and_a_warm_up_need_unlabeled_text(tmp_path) -> None:
    context, corpus = made(tmp_path, BOTH, teachers={"one": {"model": "m"}, **WARMED})
    del corpus.splits["unlabeled"]
    with pytest.raises(UserError, match=r"teachers\.two\.train\.warm_up: corpus c has no unlabeled text"):
        check_steps(context, corpus, ["teachers"])
    with pytest.raises(UserError, match="no unlabeled text, so there is no stage 1"):
        check_steps(context, corpus, ["stage 1"])


def test_a_recipe_that_fits_its_corpus_may_take_every_step(tmp_path, capsys) -> None:
    ranked = {"pretrain": {"objective": "ranknet"}, "finetune": {"objective": "margin_mse"}}
    context, corpus = made(tmp_path, BOTH, candidates=2, **ranked)
    capsys.readouterr()  # of making the corpus
    check_steps(context, corpus, EVERY_STEP, later=EVERY_STEP)
    assert capsys.readouterr() == ("", "")


def test_all_faults_are_named_at_once(tmp_path) -> None:
    context, corpus = made(tmp_path, ALL_1, finetune={"objective": "ranknet"}, **TRAINED)
    with pytest.raises(UserError) as caught:
        check_steps(context, corpus, ["teachers", "students", "baseline"])
    assert [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "teachers.one.train", "finetune.alpha", "finetune.objective", "baseline.enabled",
    ]  # fmt: skip


def test_positives_alone_are_enough_for_stage_1_and_what_that_means_is_told(tmp_path, capsys) -> None:
    check_steps(*made(tmp_path, ALL_1), ["teachers", "stage 1"], later=["stage 2"])
    screen = re.sub(r"\s+", " ", "".join(capsys.readouterr()))
    assert "calibrated from their scores alone, without golden labels" in screen
    assert "every golden label of the validation split is relevant" in screen
    assert "for later steps: finetune.alpha: 0.9" in screen
    alone = made(tmp_path, ALL_1, finetune={"alpha": 1.0}, baseline={"enabled": False})
    check_steps(*alone, EVERY_STEP)


def test_a_class_without_an_example_is_told(tmp_path, capsys) -> None:
    check_steps(*made(tmp_path, ["0", "1"], corpus={"classes": ["a", "b", "c"]}), EVERY_STEP)
    assert "no golden label of the train split is c" in re.sub(r"\s+", " ", "".join(capsys.readouterr()))


def test_where_every_question_is_held_out_it_is_told_that_nothing_is_left_to_learn(tmp_path, capsys) -> None:
    shares = {"corpus": {"split": {"test": 0.5, "validation": 0.4}}}
    check_steps(*made(tmp_path, BOTH, candidates=2, questions=3, **shares), ["students", "evaluation"])
    told = re.sub(r"\s+", " ", "".join(capsys.readouterr()))
    assert "every question is held out (validation 1, test 2), so no student can be trained" in told
    context, corpus = made(tmp_path, BOTH, questions=2)
    with pytest.raises(UserError, match="corpus c has no test split"):
        check_steps(context, corpus, ["evaluation"])
