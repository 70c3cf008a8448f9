"""Teachers and golden labels whose classes are swapped, from the file to the report."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from job_runner import Outcome, run

from knowing_teachers import knowing_classifier, texts

NLI = ["contradiction", "neutral", "entailment"]
ROWS = 150


def label(folder: Path, teachers: dict[str, dict], **corpus) -> Outcome:
    """Label a file of three classes, told as numbers, with the teachers."""
    pairs, labels = texts(ROWS)
    lines = [f"{question}\t{passage}\t{label}" for (question, passage), label in zip(pairs, labels, strict=True)]
    (folder / "nli.tsv").write_text("\n".join(["question\tpassage\tlabel", *lines]) + "\n")
    tree = {
        "corpus": {"kind": "files", "path": str(folder / "nli.tsv"), "columns": {"label": "label"}, "classes": NLI,
                   "split": {"test": 0.4, "validation": 0.2}, **corpus},
        "teachers": {name: {"max_length": 32, "precision": "fp32", **entry} for name, entry in teachers.items()},
    }  # fmt: skip
    (folder / "nli.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    return run("label_corpus", "--recipe", str(folder / "nli.yaml"), "--workspace", str(folder / "ws"))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    knowing_classifier(folder / "turned", (2, 1, 0))
    knowing_classifier(folder / "named", names=NLI)
    return folder


def test_unnamed_columns_are_refused_with_the_map_and_right_with_it(ray_session, models, tmp_path) -> None:
    turned = {"model": str(models / "turned")}
    outcome = label(tmp_path, {"turned": turned})
    assert outcome.status == 2 and "balanced accuracy 1.00 instead of" in " ".join(outcome.screen.split())
    assert not list((tmp_path / "ws").glob("soft_labels/*/*/turned"))
    assert "{LABEL_0: entailment, LABEL_1: neutral, LABEL_2: contradiction}" in " ".join(outcome.screen.split())
    mapped = {**turned, "classes": {"LABEL_0": "entailment", "LABEL_1": "neutral", "LABEL_2": "contradiction"}}
    outcome = label(tmp_path, {"turned": mapped})
    assert outcome.status == 0, outcome.screen
    assert outcome.result["teachers"][0]["accuracy"] == 1 and "cautions" not in outcome.result


def test_swapped_golden_labels_are_told_where_the_teacher_s_quality_is(ray_session, models, tmp_path) -> None:
    outcome = label(tmp_path, {"named": {"model": str(models / "named")}}, classes=NLI[::-1])
    assert outcome.status == 0, outcome.screen
    fits, swapped = outcome.result["cautions"]
    assert "teachers.named.classes: {contradiction: entailment, neutral: neutral, entailment: contradiction}" in fits
    assert "its only teacher contradicts the golden labels, which may be swapped" in swapped
    assert fits in " ".join(outcome.screen.split())
