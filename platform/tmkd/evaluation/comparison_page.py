"""The page of a comparison: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tmkd.evaluation.compared import Compared, Line
from tmkd.evaluation.comparison_plots import series
from tmkd.evaluation.intervals import Interval
from tmkd.evaluation.significance import LEVEL

TEMPLATE = Path(__file__).with_name("comparison_page.html")


@dataclass(frozen=True)
class Section:
    """Rows that a table of the paper sets side by side."""

    title: str
    lines: Sequence[Line]


TABLES = (
    ("Paper, Table 4: distilled in two stages or otherwise", ("golden", "1-o-1", "1avg-o-1", "m-o-m", "tmkd")),
    ("Paper, Table 5: what stage 1 brings with one teacher", ("1-o-1", "tkd")),
    ("Paper, Table 6: several teachers or their mean, without stage 1", ("1avg-o-1", "mkd")),
    ("Paper, Figure 2: both stages, or one of the two ideas", ("tkd", "mkd", "tmkd")),
    ("Paper, Table 7: several teachers or their mean, in both stages", ("tkd", "tkd_avg", "tmkd")),
)


def render(found: Compared, pictures: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        found: what was compared.
        pictures: name -> SVG, of `tmkd.evaluation.comparison_plots.draw_all`.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"interval": _interval, "p": _p, "number": _number, "share": _share}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    best = max((line.over_questions.estimate for line in found.students), default=0.0)
    return template.render(found=found, pictures=pictures, sections=sections(found), best=best, level=LEVEL)


def sections(found: Compared) -> list[Section]:
    """Return the tables of the paper that have at least two of their rows here."""
    usual: dict[tuple[str, str], Line] = {}
    for line in sorted(found.students, key=lambda line: len(line.name)):  # the name says what is not usual
        usual.setdefault((line.settings["regime"], line.settings["student"]), line)
    made = []
    for title, regimes in TABLES:
        for student in dict.fromkeys(line.settings["student"] for line in found.students):
            lines = [usual[regime, student] for regime in regimes if (regime, student) in usual]
            if len(lines) > 1:
                made.append(Section(f"{title}{' (Bi-LSTM)' if student == 'bi_lstm' else ''}", lines))
    for key, title in (("layers", "Paper, Table 9: layers"), ("alpha", "Paper, Figure 3: α")):
        lines = series(found, key)
        if len(lines) > 1:
            made.append(Section(title, lines))
    return made


def _interval(value: Interval | None) -> str:
    return "–" if value is None else f"{value.low:.3f} – {value.high:.3f}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.3f}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"
