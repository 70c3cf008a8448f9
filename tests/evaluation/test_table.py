import json

import pytest

from tmkd import console
from tmkd.evaluation.agreement import Agreement
from tmkd.evaluation.quality import Quality
from tmkd.evaluation.table import ModelRow, as_json, as_markdown, model_name, show

KEYS = [
    "model", "kind", "stage", "header", "accuracy", "auc", "mrr10", "ndcg10", "map", "pairs_per_second", "parameters",
]  # fmt: skip


@pytest.fixture
def rows():
    measured = Quality(0.8125, float("nan"), None, None, None, 100, 50, 0)
    return [
        ModelRow.of("teacher", measured, name="views|a", pairs_per_second=123.4, parameters=22_713_216),
        ModelRow.of("student", measured, stage="finetuned", header="soft:a"),
    ]


def test_json_rows_have_the_promised_keys_in_order(rows):
    told = json.loads(json.dumps(as_json(rows), allow_nan=False))
    assert [list(row) for row in told] == [KEYS, KEYS]
    assert told[0]["model"] == "teacher:views|a"
    assert told[0]["auc"] is None
    assert told[1]["model"] == "student:finetuned:soft:a"
    assert (told[1]["stage"], told[1]["header"], told[0]["stage"]) == ("finetuned", "soft:a", None)


def test_a_corpus_without_golden_labels_has_agreement_keys_too():
    row = ModelRow.of("student", Agreement(0.9, 0.5, 0.4, 0.95, 10), stage="pretrained", header="aggregate")
    told = as_json([row])[0]
    assert list(told) == [*KEYS, "top1_agreement", "kendall_tau", "ndcg_teacher"]
    assert (told["accuracy"], told["top1_agreement"], told["kendall_tau"], told["ndcg_teacher"]) == (
        None,
        0.9,
        0.5,
        0.95,
    )


def test_character_scores_have_columns_where_there_are_some():
    row = ModelRow("ensemble", "ensemble", exact_match=0.0, f1=0.0, exact_match_characters=0.5, f1_characters=0.75)
    plain = ModelRow("baseline", "baseline", exact_match=0.5, f1=0.75)
    assert list(as_json([row])[0])[-4:] == ["exact_match", "f1", "exact_match_characters", "f1_characters"]
    assert list(as_json([plain])[0])[-2:] == ["exact_match", "f1"]
    head, _, line = as_markdown([row]).splitlines()
    assert "| exact match | F1 | exact match (characters) | F1 (characters) |" in head
    assert "| 0.000 | 0.000 | 0.500 | 0.750 |" in line


def test_markdown_leaves_out_empty_columns(rows):
    assert as_markdown(rows).splitlines() == [
        "| model | accuracy | pairs/s | parameters |",
        "|---|---:|---:|---:|",
        "| teacher:views\\|a | 0.812 | 123 | 22,713,216 |",
        "| student:finetuned:soft:a | 0.812 | - | - |",
    ]


def test_the_screen_shows_the_same(rows, monkeypatch):
    shown = []
    monkeypatch.setattr(console, "show_table", lambda *told: shown.append(told))
    show(rows, "comparison")
    title, columns, cells = shown[0]
    assert (title, columns) == ("comparison", ["model", "accuracy", "pairs/s", "parameters"])
    assert cells[1] == ["student:finetuned:soft:a", 0.8125, None, None]


def test_names():
    assert model_name("ensemble") == "ensemble"
    assert model_name("baseline") == "baseline"
    assert model_name("student", stage="pretrained", header="golden") == "student:pretrained:golden"
