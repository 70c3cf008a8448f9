"""Whatever a later step would fail on is told together, before teachers label."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tiny_teachers import bert_base, bert_classifier, gpt2_classifier
from tmkd.config import parse
from tmkd.errors import UserError
from tmkd.recipe.recipe import Recipe
from tmkd.steps.preflight import check_models


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    found = {"bert": bert_base(root / "bert"), "gpt2": gpt2_classifier(root / "gpt2")}
    found["teacher"] = bert_classifier(root / "teacher", num_labels=2)
    return found


def recipe(models: dict[str, Path], teachers: dict | None = None, student: dict | None = None, **more) -> Recipe:
    corpus = {"name": "c", "kind": "files", "path": "pairs.tsv", "classes": ["no", "yes"]}
    base = {"base": str(models["bert"]), "layers": 1, "max_length": 32}
    given = {"t": {"model": str(models["teacher"]), "max_length": 32}} | (teachers or {})
    tree = {"name": "r", "corpus": corpus, "teachers": given, "student": base | (student or {}), **more}
    return parse(Recipe, tree, "recipe")


def test_all_faults_are_told_together(models, tmp_path) -> None:
    config = json.loads((models["gpt2"] / "config.json").read_text())
    for name, change in {"short": {"n_positions": 16}, "deep": {"n_layer": 3}, "odd": {"n_head": 5}}.items():
        (tmp_path / name).mkdir()
        for path in models["gpt2"].iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
        (tmp_path / name / "config.json").write_text(json.dumps(config | change))
    teachers = {name: {"model": str(tmp_path / name), "max_length": 32} for name in ("short", "deep", "odd")}
    with pytest.raises(UserError) as found:
        check_models(recipe(models, teachers, {"base": str(models["gpt2"]), "pooling": "cls"}))
    message = str(found.value)
    assert "student.pooling: cls reads the token before the texts" in message
    assert "teachers.short.max_length: 32 tokens, but" in message and "reads at most 16" in message
    assert "its weights lack transformer.h.2" in message
    assert "teachers.odd: " in message and "cannot be built as AutoModelForSequenceClassification" in message


def test_what_is_assumed_of_a_bi_encoder_is_told(models, capsys) -> None:
    bi_encoder = {"b": {"kind": "bi_encoder", "model": str(models["bert"]), "max_length": 32}}
    check_models(recipe(models, bi_encoder))
    assert "teachers.b: " in (said := "".join(capsys.readouterr())) and "their mean is taken" in said.replace("\n", " ")


def test_depths_of_later_jobs_are_told(models, capsys) -> None:
    check_models(recipe(models, search={"layers": [1, 9]}))
    said = " ".join("".join(capsys.readouterr()).split())
    assert "search.layers: 9 layers, but" in said and "has 2" in said
