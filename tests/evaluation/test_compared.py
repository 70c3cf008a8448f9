"""What is made of a comparison's lines: the front, the series, the paper's tables and the page; lines made by hand."""

from __future__ import annotations

import re

import pytest

from tmkd.evaluation.claims import Claim, Finding
from tmkd.evaluation.compared import Compared, Cost, Line, Pair, Regression, pareto
from tmkd.evaluation.comparison import Difference
from tmkd.evaluation.comparison_page import render, sections
from tmkd.evaluation.comparison_plots import series
from tmkd.evaluation.intervals import Interval

USUAL = {
    "student": "encoder", "layers": 3, "alpha": 0.9, "objective": "mse", "unlabeled_rows": None, "learning_rate": 1e-4,
}  # fmt: skip


def line(name, estimate=0.5, kind="student", pairs_per_second=None, **settings):
    interval = Interval(estimate, estimate - 0.1, estimate + 0.1)
    own = {"regime": name.split(" · ")[0], **USUAL, **settings} if kind == "student" else {}
    figures = dict.fromkeys(("accuracy", "auc", "map", "ece"), 0.5)
    return Line(name, kind, own, [estimate], interval, None, figures, pairs_per_second)


def bi_lstm(name, **settings):
    return line(f"{name} · bi-lstm", student="bi_lstm", layers=None, learning_rate=None, **settings)


def compared(lines, pairs=(), findings=(), regressions=()):
    return Compared(
        title="run", corpus="docs", measure="accuracy", rows=10, questions=5, seeds=[0], lines=lines, pairs=pairs,
        findings=findings, agreement={}, regressions=regressions, regressions_of="tmkd", cost=Cost(10, 20),
        command="tmkd compare", recipe="corpus: {}",
    )  # fmt: skip


def names(lines):
    return [each.name for each in lines]


def test_the_front_is_what_no_other_line_beats_fastest_first():
    lines = [
        line("best", 0.9, "teacher", 10),
        line("not timed", 0.99),
        line("beaten in both", 0.65, pairs_per_second=400),
        line("as fast and poorer", 0.68, pairs_per_second=500),
        line("middle", 0.7, pairs_per_second=500),
        line("as good and slower", 0.7, pairs_per_second=300),
        line("fastest", 0.6, pairs_per_second=1000),
    ]
    assert names(pareto(lines)) == names(pareto(lines[::-1])) == ["fastest", "middle", "best"]
    assert pareto([lines[1]]) == []


def test_a_series_is_the_longest_of_tmkd_rows_that_differ_in_one_setting_alone():
    lines = [
        line("teacher whole", kind="teacher"),
        *(line(f"mkd · {layers} layers", layers=layers) for layers in (1, 2, 3, 4, 5)),
        *(line(f"tmkd · kl · {layers}", objective="kl", layers=layers) for layers in (1, 3)),
        line("tmkd · 5 layers", layers=5), line("tmkd · α 0.3", alpha=0.3), line("tmkd · 1 layer", layers=1),
        line("tmkd"), bi_lstm("tmkd"),
    ]  # fmt: skip
    assert names(series(compared(lines), "layers")) == ["tmkd · 1 layer", "tmkd", "tmkd · 5 layers"]
    assert names(series(compared(lines), "alpha")) == ["tmkd · α 0.3", "tmkd"]


def test_there_is_no_series_without_tmkd_or_without_the_setting():
    assert series(compared([line("mkd"), line("mkd · 1 layer", layers=1)]), "layers") == []
    assert series(compared([bi_lstm("tmkd")]), "layers") == []


def test_sections_are_the_paper_s_tables_that_have_two_rows_here_in_the_paper_s_order():
    lines = [
        line("tmkd · kl", objective="kl"), line("tmkd"), line("golden", alpha=None, objective=None), line("tkd"),
        bi_lstm("tmkd"), bi_lstm("mkd"), bi_lstm("1avg-o-1"), line("tmkd · 1 layer", layers=1),
        line("tmkd · α 0.3", alpha=0.3), line("ensemble", kind="ensemble"),
    ]  # fmt: skip
    found = [
        (re.match("Paper, (Table|Figure) .", each.title)[0], each.title, names(each.lines))
        for each in sections(compared(lines))
    ]
    assert [(place, "(Bi-LSTM)" in title, rows) for place, title, rows in found] == [
        ("Paper, Table 4", False, ["golden", "tmkd"]),  # and not tmkd · kl, which comes first
        ("Paper, Table 4", True, ["1avg-o-1 · bi-lstm", "tmkd · bi-lstm"]),
        ("Paper, Table 6", True, ["1avg-o-1 · bi-lstm", "mkd · bi-lstm"]),
        ("Paper, Figure 2", False, ["tkd", "tmkd"]),
        ("Paper, Figure 2", True, ["mkd · bi-lstm", "tmkd · bi-lstm"]),
        ("Paper, Table 7", False, ["tkd", "tmkd"]),
        ("Paper, Table 9", False, ["tmkd · 1 layer", "tmkd"]),
        ("Paper, Figure 3", False, ["tmkd · α 0.3", "tmkd"]),
    ]
    assert sections(compared([line("golden"), line("mkd")])) == []  # no table sets these two side by side


def test_the_page_marks_the_best_student_and_no_teacher():
    lines = [line("teacher whole", 0.95, "teacher"), line("golden", 0.6), line("tmkd", 0.8), line("mkd", 0.7)]
    page = render(compared(lines), {"rows": "<svg></svg>"})
    assert set(re.findall(r'<tr class="([^"]*best[^"]*)">\s*<td>([^<]*)</td>', page)) == {("student best", "tmkd")}


def test_the_page_shows_texts_as_they_are_and_pictures_as_pictures():
    passage = "<script>alert('x')</script> <b>bold</b> & more"
    case = Regression("is 1 < 2?", passage, "yes", 0.2, 0.9)
    page = render(compared([line("tmkd")], regressions=[case]), {"rows": "<svg><path/></svg>"})
    assert "<script" not in page and "<b>bold" not in page and "<svg><path/></svg>" in page
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &lt;b&gt;bold&lt;/b&gt; &amp; more" in page
    assert "<b>is 1 &lt; 2?</b>" in page


@pytest.mark.parametrize(
    ("corrected", "told", "verdict"), [(0.062, "no difference shown", "not shown"), (0.012, "differs", "reproduced")]
)
def test_the_page_shows_corrected_p_values_and_goes_by_them(corrected, told, verdict):
    interval = Interval(0.1, 0.01, 0.2)
    difference = Difference(interval, 0.0041, interval, 0.003, None)
    pair = Pair("tmkd", "mkd", difference, corrected)
    finding = Finding(Claim("tmkd", "mkd", "Figure 2"), difference, corrected)
    page = render(compared([line("tmkd"), line("mkd")], [pair], [finding]), {"rows": ""})
    assert page.count(f">{corrected:.3f}</td>") == 2 and ">0.004</td>" not in page
    cells = re.sub(r"<[^>]*>", "|", page)
    assert f"|{told}|" in cells and f"|{verdict}|" in cells
