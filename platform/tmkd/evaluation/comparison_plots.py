"""The pictures of a comparison, as SVG for its page and PNG for MLflow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tmkd.evaluation.compared import Compared, Line, pareto

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"teacher": "#8a8f98", "ensemble": "#30343b", "student": "#2563a8"}
FRONT = "#c2410c"


def draw_all(found: Compared) -> dict[str, Figure]:
    """Return name -> picture; only those for which there are rows."""
    pictures = {"rows": rows(found)}
    if any(line.pairs_per_second for line in found.lines):
        pictures["speed"] = speed(found)
    for key, label in (("alpha", "α, weight of the soft labels"), ("layers", "layers")):
        usual = series(found, key)
        if len(usual) > 2:
            pictures[key] = curve(found, usual, key, label)
    return pictures


def series(found: Compared, key: str) -> list[Line]:
    """Return the TMKD rows that differ in ``key`` alone, in its order: the longest such series."""
    groups: dict[str, list[Line]] = {}
    for line in found.students:
        rest = {name: value for name, value in line.settings.items() if name != key}
        if line.settings[key] is not None and line.settings["regime"] == "tmkd":
            groups.setdefault(str(rest), []).append(line)
    longest = max(groups.values(), key=len, default=[])
    return sorted(longest, key=lambda line: line.settings[key])


def rows(found: Compared) -> Figure:
    """Draw every row's mean with its interval over questions, and a stroke for each seed."""
    lines = list(reversed(found.lines))
    figure, axes = blank(8, 1.0 + 0.32 * len(lines))
    for place, line in enumerate(lines):
        interval, colour = line.over_questions, COLOURS[line.kind]
        axes.plot([interval.low, interval.high], [place, place], color=colour, linewidth=2)
        axes.plot(list(line.by_seed), [place] * len(line.by_seed), "|", color=colour, markersize=9, alpha=0.6)
        axes.plot([interval.estimate], [place], "o", color=colour, markersize=6)
    axes.set_yticks(range(len(lines)), [line.name for line in lines])
    axes.set_xlabel(f"{found.measure}: mean, 95 % interval over questions, | = a seed")
    axes.grid(axis="x", alpha=0.3)
    return figure


def speed(found: Compared) -> Figure:
    """Draw quality against pairs/s with the front of those that nothing beats in both."""
    figure, axes = blank(8, 5)
    timed = [line for line in found.lines if line.pairs_per_second]
    front = pareto(timed)
    axes.plot([x.pairs_per_second or 0 for x in front], [x.over_questions.estimate for x in front], "--", color=FRONT)
    for line in timed:
        marker = {"teacher": "s", "ensemble": "D", "student": "o"}[line.kind]
        x, y = line.pairs_per_second or 0, line.over_questions.estimate
        axes.plot([x], [y], marker, color=FRONT if line in front else COLOURS[line.kind], markersize=7)
    for line in {id(each): each for each in [*front, *(t for t in timed if t.kind != "student")]}.values():
        place = (line.pairs_per_second or 0, line.over_questions.estimate)
        axes.annotate(line.name, place, xytext=(6, 5), textcoords="offset points", fontsize="small")
    axes.set_xscale("log")
    axes.set(xlabel="pairs/s, alone on the device", ylabel=found.measure)
    axes.margins(x=0.15)
    axes.grid(alpha=0.3, which="both")
    return figure


def curve(found: Compared, lines: Sequence[Line], key: str, label: str) -> Figure:
    """Draw quality by one setting with intervals over questions (Fig. 3 of the paper, for alpha)."""
    figure, axes = blank(6, 4)
    x = [line.settings[key] for line in lines]
    middle = [line.over_questions.estimate for line in lines]
    below = [line.over_questions.estimate - line.over_questions.low for line in lines]
    above = [line.over_questions.high - line.over_questions.estimate for line in lines]
    axes.errorbar(x, middle, yerr=[below, above], fmt="o-", color=COLOURS["student"], capsize=4)
    for line, at in zip(lines, x, strict=True):
        axes.plot([at] * len(line.by_seed), list(line.by_seed), "_", color=COLOURS["teacher"], markersize=10)
    axes.set_xticks(x)
    axes.set(xlabel=label, ylabel=f"{found.measure}, 95 % over questions")
    axes.grid(alpha=0.3)
    return figure


def as_svg(figure: Figure) -> str:
    """Return a picture to stand in a page: text stays text."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tmkd"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def as_png(figure: Figure) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty picture of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
