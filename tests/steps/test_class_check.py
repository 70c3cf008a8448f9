"""Columns without names are taken by position only where golden labels say so clearly, before anything is labelled."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from knowing_teachers import knowing_classifier, texts
from tmkd.corpus.schema import PAIR_SCHEMA
from tmkd.errors import UserError
from tmkd.placement import Placement
from tmkd.recipe.teacher import TeacherEntry
from tmkd.soft_labels.calibration import Calibration
from tmkd.soft_labels.golden import golden_path
from tmkd.soft_labels.store import LabelStore
from tmkd.steps.class_check import check_classes
from tmkd.steps.class_order import caution_model, caution_teachers
from tmkd.steps.context import Context
from tmkd.workspace import Workspace, corpus_folder, shard_name

NLI = ["contradiction", "neutral", "entailment"]
ROWS = 90


@pytest.fixture(scope="module")
def turned(tmp_path_factory) -> Path:
    """A perfect teacher whose columns are entailment, neutral, contradiction, and are called LABEL_0 … LABEL_2."""
    return knowing_classifier(tmp_path_factory.mktemp("turned") / "m", (2, 1, 0))


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    workspace, (pairs, labels), shard = Workspace.open(str(tmp_path)), texts(ROWS), shard_name(0)
    ids = list(range(ROWS))
    columns = [ids, [*map(str, ids)], [*map(str, ids)], [q for q, _ in pairs], [p for _, p in pairs], [0] * ROWS]
    workspace.publish_table(f"{corpus_folder('nli', 'train')}/{shard}", pa.table(columns, schema=PAIR_SCHEMA))
    golden = {"id": ids, "label": labels, "grade": np.zeros(ROWS, np.float32)}
    workspace.publish_table(golden_path("nli", "train", shard), pa.table(golden))
    return workspace


def corpus(classes=NLI, labelled: bool = True) -> SimpleNamespace:
    return SimpleNamespace(
        name="nli", task="pair", classes=classes, splits=["train"], shards=lambda split: [shard_name(0)],
        has_labels=lambda split: labelled and split == "train",
    )  # fmt: skip


def context(workspace: Workspace, *models: Path, **entry) -> Context:
    teachers = {"abc"[place]: TeacherEntry(model=str(model), **entry) for place, model in enumerate(models)}
    recipe = SimpleNamespace(teachers=teachers, training=SimpleNamespace(placement=Placement()))
    return Context(recipe, workspace, None, None)


def named(folder: Path, turned: Path, names: list[str]) -> Path:
    folder.mkdir()
    for path in turned.iterdir():
        (folder / path.name).symlink_to(path)
    config = json.loads((turned / "config.json").read_text()) | {"id2label": dict(enumerate(names)), "label2id": {}}
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_by_position_a_turned_teacher_is_refused_with_the_map_that_fits(ray_session, workspace, turned) -> None:
    fitting = r"\{LABEL_0: entailment, LABEL_1: neutral, LABEL_2: contradiction\}"
    with pytest.raises(UserError, match=rf"{fitting}, which has balanced accuracy 1\.00 instead of 0\.33 on 90 golden"):
        check_classes(context(workspace, turned), corpus())
    assert not workspace.exists("soft_labels/nli/train/a")


def test_by_position_is_right_where_golden_labels_agree_clearly(ray_session, workspace, tmp_path) -> None:
    check_classes(context(workspace, knowing_classifier(tmp_path / "straight")), corpus())


def test_few_golden_labels_do_not_tell(ray_session, workspace, turned, monkeypatch) -> None:
    monkeypatch.setattr("tmkd.steps.class_check.ROWS_PER_CLASS", 1)
    with pytest.raises(UserError, match="3 golden train pairs do not tell their order clearly"):
        check_classes(context(workspace, turned), corpus())


def test_without_golden_labels_the_map_is_asked_for(workspace, turned) -> None:
    with pytest.raises(UserError, match=r"no golden labels to tell their order.*\{LABEL_0: contradiction"):
        check_classes(context(workspace, turned), corpus(labelled=False))
    mapping = dict(zip(("LABEL_0", "LABEL_1", "LABEL_2"), NLI[::-1], strict=True))
    check_classes(context(workspace, turned, classes=mapping), corpus(labelled=False))


def test_names_are_matched_and_reported_and_labelled_teachers_are_not_asked_again(
    workspace, turned, tmp_path, capsys
) -> None:
    model = named(tmp_path / "named", turned, ["entail", "neutral", "contradict"])
    check_classes(context(workspace, model), corpus(labelled=False))
    shown = " ".join(capsys.readouterr().err.split())
    assert "teachers.a: classes matched by name: contradict = contradiction, entail = entailment" in shown
    LabelStore(workspace, "nli", "train", "a").bind({"columns": 3})
    check_classes(context(workspace, turned), corpus(labelled=False))  # its own check was before these labels


def test_a_single_score_without_golden_labels_speaks_for_the_last_class(workspace, tmp_path) -> None:
    from tiny_teachers import bert_classifier

    single = bert_classifier(tmp_path / "single", num_labels=1)
    with pytest.raises(UserError, match="put the positive class last"):
        check_classes(context(workspace, single), corpus(["relevant", "not_relevant"], labelled=False))
    check_classes(context(workspace, single), corpus(["not_relevant", "relevant"], labelled=False))


def test_a_teacher_below_chance_is_named_with_the_map_that_fits(workspace, turned, tmp_path, capsys) -> None:
    """Its names are right, so nothing can be known before: the golden labels are swapped, or its names are wrong."""
    model = named(tmp_path / "named", turned, NLI)
    labels = np.arange(ROWS) % 3
    said = np.eye(3)[2 - labels] * 0.8 + 0.05
    run = context(workspace, model)
    caution_teachers(run, corpus(), labels, {"a": said}, {})
    assert run.cautions[0] == (
        "teacher a: contradicts the golden labels; would fit as teachers.a.classes: {contradiction: entailment, "
        "neutral: neutral, entailment: contradiction}: balanced accuracy 1.00 instead of 0.33"
    )
    assert "its only teacher contradicts the golden labels, which may be swapped" in run.cautions[1]
    caution_teachers(run, corpus(), labels, {"a": said}, {})
    assert len(run.cautions) == 2 and run.caveats == run.cautions
    assert "would fit as" in " ".join(capsys.readouterr().err.split())


def test_a_negative_slope_and_a_student_below_chance_are_named(workspace, turned) -> None:
    labels = np.arange(ROWS) % 2
    right = np.stack([1.0 - labels, labels], axis=1) * 0.8 + 0.1
    run, classes = context(workspace, turned, turned), ["no", "yes"]
    caution_teachers(
        run, corpus(classes), labels, {"a": right, "b": right}, {"a": Calibration(-2.5, 0, "golden", 90), "b": None}
    )
    assert run.cautions == [
        "teacher a: its score is lower where golden labels are yes (slope -2.5 on 90 golden train pairs), so it was "
        "turned round; check what its score means, and corpus.classes"
    ]
    caution_model(run, "student:finetuned", classes, labels, right)
    caution_model(run, "student:finetuned", classes, labels, right[:, ::-1])
    assert run.cautions[1:] == [
        "student:finetuned: contradicts the golden labels; would fit as {no: yes, yes: no}: balanced accuracy 1.00 "
        "instead of 0.00"
    ]
