"""Rows that a teacher could not score count in no figure: they are neither its mistake nor anybody's vote."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from tiny_teachers import write_corpus
from tmkd.errors import UserError
from tmkd.evaluation.scoring import Measured
from tmkd.evaluation.span_answers import Readings
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.context import Context
from tmkd.steps.left_out import scored_by_all
from tmkd.steps.pair_split import Split, read_split
from tmkd.steps.pairs import lines as pair_lines
from tmkd.steps.pairs.report import _contributions, _ranking_note
from tmkd.steps.spans.report import lines_of
from tmkd.steps.spans.split import SpanSplit
from tmkd.text.span_projection import Grid
from tmkd.workspace import Workspace

SHARD = "part-00000.parquet"
LABELS = np.array([1, 1, 0, 1, 0, 1, 1, 0])
GAP = [0, 3, 5]
"""Rows that teacher `a` could not score: all of class 1, so a uniform guess would be wrong in each."""


@pytest.fixture
def judged(tmp_path) -> tuple[Context, SimpleNamespace]:
    """A labelled split that `a` gets right wherever it has a score, and `b` wrong in row 1 alone."""
    return _judged(Workspace.open(str(tmp_path)), GAP)


def _judged(workspace: Workspace, gap: list[int], golden: bool = True) -> tuple[Context, SimpleNamespace]:
    manifest = write_corpus(workspace, {"test": 1}, rows=len(LABELS))
    ids = np.arange(len(LABELS))
    if golden:
        table = pa.table({"id": ids, "label": LABELS, "grade": LABELS.astype(np.float32)})
        workspace.publish_table(golden_path(manifest.name, "test", SHARD), table)
    right = (np.stack([1 - LABELS, LABELS], axis=1) * 4.0).astype(np.float32)
    said = {"a": right.copy(), "b": right.copy()}
    said["a"][gap] = np.nan
    said["b"][1] = [4, 0]
    for name, logits in said.items():
        store = LabelStore(workspace, manifest.name, "test", name)
        store.bind({"columns": 2, "weights": name})
        store.publish(SHARD, ids, logits)
        store.compact([SHARD])
    entries = {name: SimpleNamespace(weight=1.0, kind="cross_encoder", train=None, classes={}) for name in said}
    evaluation = SimpleNamespace(bootstrap=100, split="test")
    recipe = SimpleNamespace(teachers=entries, corpus=SimpleNamespace(task="pair"), evaluation=evaluation, seed=0)
    corpus = SimpleNamespace(
        name=manifest.name, task="pair", classes=manifest.classes, splits=["test"], shards=lambda split: [SHARD],
        has_labels=lambda split: golden and split == "test",
    )  # fmt: skip
    return Context(recipe, workspace, None, None), corpus


def test_such_a_row_is_nobody_s_mistake_and_all_models_are_judged_on_the_same_rows(judged) -> None:
    context, corpus = judged
    split = read_split(context, corpus, "test")
    assert np.flatnonzero(~split.scored).tolist() == GAP
    assert split.labels.tolist() == [-1 if row in GAP else label for row, label in enumerate(LABELS)]
    assert np.isnan(split.teachers["a"][GAP]).all() and np.isfinite(split.teachers["b"]).all()
    rows = {line.row.model: line.row for line in pair_lines.lines_of(context, split, Measured())}
    assert rows["teacher:a"].accuracy == 1.0
    assert rows["teacher:b"].accuracy == pytest.approx(4 / 5)
    brought = {each.teacher: each.alone for each in _contributions(context, split)}
    assert brought == {"a": 1.0, "b": pytest.approx(4 / 5)}
    (caution,) = context.cautions
    assert "3 of 8 rows count in no figure" in caution and "(a 3)" in caution


def test_the_ranking_note_counts_the_candidates_that_are_measured() -> None:
    rows = np.arange(8)
    labels = np.array([1, 0, -1, -1, 1, 0, -1, -1])
    split = Split(
        rows, np.repeat(["p", "q"], 4).astype(object), labels, np.full(8, np.nan, np.float32), {}, labels >= 0, [],
        [("question", "passage")] * 8,
    )  # fmt: skip
    assert _ranking_note(split, ["no", "yes"]) == (
        "Ranking: 2.0 candidates a question; a random order has MRR@10 0.750."
    )


def test_without_golden_labels_agreement_is_taken_on_the_scored_rows(tmp_path) -> None:
    context, corpus = _judged(Workspace.open(str(tmp_path)), GAP, golden=False)
    split = read_split(context, corpus, "test")
    rows = {line.row.model: line.row for line in pair_lines.lines_of(context, split, Measured())}
    assert rows["teacher:a"].top1_agreement is not None


def test_a_teacher_without_any_score_leaves_nothing_to_compare(tmp_path) -> None:
    context, corpus = _judged(Workspace.open(str(tmp_path)), list(range(len(LABELS))))
    with pytest.raises(UserError, match=r"none of its 8 rows was scored by every teacher \(a 8 not scored\)"):
        read_split(context, corpus, "test")


def test_nothing_is_said_where_everything_was_scored(tmp_path) -> None:
    context, corpus = _judged(Workspace.open(str(tmp_path)), [])
    assert read_split(context, corpus, "test").labels.tolist() == LABELS.tolist()
    assert context.cautions == []
    assert scored_by_all(context, "x", {"a": np.ones(2, bool)}).all()


def test_a_context_that_was_not_read_is_no_right_answer_to_a_question_without_one() -> None:
    """It comes out as "", which is what is right where there is no answer."""
    grid = Grid(np.array([0, 4]), np.array([3, 7]))
    sure = np.array([[5, -5], [-5, 5]], np.float32)  # the whole text
    nothing = np.empty((0, 2), np.float32)
    reads = Readings([sure, sure], [grid, grid], np.array([-9, -9], np.float32))
    gap = Readings([nothing, sure], [grid, grid], np.array([np.nan, -9], np.float32))
    split = SpanSplit(
        "test split", "run", False, ["p", "q"], ["who", "what"], ["one two"] * 2, [[], ["one two"]],
        {"gap": gap, "reads": reads}, np.array([False, True]),
    )  # fmt: skip
    reading = SimpleNamespace(unanswerable=True, max_answer_tokens=4)
    context = Context(SimpleNamespace(reading=reading), None, None, None)
    rows = {line.row.model: line.row.exact_match for line in lines_of(context, split, Measured())}
    assert rows == {"teacher:gap": 1.0, "teacher:reads": 1.0, "ensemble": 1.0}
    split.scored[0] = True
    rows = {line.row.model: line.row.exact_match for line in lines_of(context, split, Measured())}
    assert rows["teacher:gap"] == 1.0 and rows["teacher:reads"] == 0.5
