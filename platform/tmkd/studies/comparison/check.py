"""What can be known of a comparison before teachers and students are paid for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tmkd.corpus.manifest import CorpusManifest
from tmkd.errors import UserError
from tmkd.evaluation.quality import quality
from tmkd.recipe.regimes import has_two_stages
from tmkd.soft_labels.golden import read_golden
from tmkd.steps.conditions import check_steps
from tmkd.steps.context import Context
from tmkd.steps.labels import HELD_OUT
from tmkd.steps.preflight import check_models
from tmkd.steps.student.start import check_start
from tmkd.studies.comparison.cells import Cell, cell_recipes
from tmkd.workspace import corpus_folder


def check_cells(context: Context, wanted: Sequence[Cell]) -> None:
    """Find mistakes of single cells: values that do not go together, depths no base has, starts of another shape.

    Raises:
        UserError: for the first of them.
    """
    recipes = [each for cell in wanted for each in cell_recipes(context.recipe, cell, context.recipe.student_seed)]
    for recipe in {(r.student.kind, r.student.layers, r.finetune.starts_from): r for r in recipes}.values():
        check_models(recipe)
        check_start(dataclasses.replace(context, recipe=recipe))


def check_corpus(context: Context, corpus: CorpusManifest, wanted: Sequence[Cell]) -> None:
    """Find what the cells, or the measure they are compared by, need and the corpus does not have.

    Raises:
        UserError: naming it.
    """
    recipe = context.recipe
    judged = recipe.evaluation.split
    check_steps(context, corpus, ("teachers", "comparison"))
    if not corpus.has_labels("train") or not corpus.has_labels(judged):
        raise UserError(
            f"corpus {corpus.name} has no golden labels to train on and to judge by, which a comparison needs; map "
            "corpus.columns.label"
        )
    if needs_stage_1(context, wanted) and not corpus.rows("unlabeled"):
        raise UserError(
            f"corpus {corpus.name} has no unlabeled text for the stage 1 that compare.grids ask for; ask for golden, "
            "1-o-1, 1avg-o-1, mkd and m-o-m alone, or give finetune.starts_from"
        )
    choosing = [cell.regime for cell in wanted if cell.regime in ("1-o-1", "tkd")]
    if choosing and not corpus.has_labels(HELD_OUT):
        raise UserError(
            f"compare.grids: {choosing[0]} learns from the teacher that is best on the {HELD_OUT} split, and corpus "
            f"{corpus.name} has no golden labels there; leave it out, or give corpus.split.{HELD_OUT} a share"
        )
    if recipe.compare.measure == "map" and not _has_ranking(context, corpus, judged):
        raise UserError(
            f"compare.measure: map needs questions with several candidates, two classes and a positive one, and the "
            f"{judged} split of {corpus.name} has none; right would be accuracy"
        )


def needs_stage_1(context: Context, wanted: Sequence[Cell]) -> bool:
    """Tell whether any cell has a stage 1 of its own."""
    return any(has_two_stages(cell.regime) for cell in wanted) and not context.recipe.finetune.starts_from


def _has_ranking(context: Context, corpus: CorpusManifest, split: str) -> bool:
    labels, questions = [np.empty(0, dtype=np.int64)], []
    for shard in corpus.shards(split):
        golden = read_golden(context.workspace, corpus.name, split, shard)
        asked = context.workspace.read_table(f"{corpus_folder(corpus.name, split)}/{shard}", ["question_id"])
        if golden is not None:
            labels.append(golden.labels)
            questions += asked["question_id"].to_pylist()
    found = np.concatenate(labels)
    undecided = np.full((len(found), len(corpus.classes)), 1 / len(corpus.classes))
    return quality(found, undecided, questions).map is not None
