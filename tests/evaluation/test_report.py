import json

import pytest

from tmkd.evaluation import curves, report
from tmkd.evaluation.intervals import Interval
from tmkd.evaluation.quality import Quality
from tmkd.evaluation.table import ModelRow
from tmkd.workspace import Workspace

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def rows():
    return [ModelRow.of("ensemble", Quality(0.84, 0.9, None, None, None, 100, 50, 0))]


def test_a_report_is_a_page_numbers_and_a_picture(tmp_path, rows):
    workspace = Workspace.open(str(tmp_path))
    picture = curves.draw({"rate 1e-4": [(1, 0.5), (2, 0.7)], "rate 3e-4": [(1, 0.6)]}, "baseline", "accuracy")
    gaps = {"recovered gap": Interval(0.6, 0.4, float("inf")), "nothing": None}
    told = report.publish(workspace, "docs", rows, "reports/docs/p.parquet", gaps, ["100 rows"], picture)
    assert told["predictions"] == f"{tmp_path}/reports/docs/p.parquet"
    assert told["intervals"] == {"recovered gap": {"estimate": 0.6, "low": 0.4, "high": None}, "nothing": None}
    assert json.loads(workspace.read_bytes("reports/docs/evaluation.json")) == told
    page = workspace.read_bytes("reports/docs/report.md").decode()
    for line in ("# Evaluation of docs", "| ensemble | 0.840 | 0.900 | - | - |", "- 100 rows", "![validation curve]"):
        assert line in page
    assert "| recovered gap | 0.600 [0.400, inf] |" in page
    assert "| nothing | cannot be formed |" in page
    assert workspace.read_bytes("reports/docs/curve.png").startswith(PNG)


def test_the_least_report(tmp_path, rows):
    workspace = Workspace.open(str(tmp_path))
    told = report.publish(workspace, "docs", rows, "p.parquet")
    assert list(told) == ["rows", "predictions"]
    assert workspace.list("reports/docs") == ["evaluation.json", "report.md"]


def test_no_curve_at_all_is_still_a_picture():
    assert curves.draw({}, "baseline", "accuracy").startswith(PNG)
