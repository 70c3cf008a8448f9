"""A search told: the table on screen, a page, the Pareto plot, and MLflow's parent run."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmkd.console import note, show_table
from tmkd.evaluation.comparison_plots import as_png, blank
from tmkd.search.pareto import Candidate
from tmkd.steps.context import Context
from tmkd.studies.search.step import ENSEMBLE, Searched

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, NUMBERS, PLOT = "search.md", "search.json", "pareto.png"
COLUMNS = ["student", "settings", "validation", "ms a pair", "pairs/s", "judged", "95 %", "of the ensemble", "p"]


def publish(context: Context, found: Searched) -> dict[str, Any]:
    """Write the report, tell MLflow and the user; returns what ``--json`` prints."""
    folder = context.report_folder
    png = as_png(draw(found))
    page = as_markdown(found, context.command, context.caveats)
    result = {**as_json(found), "page": context.workspace.show(f"{folder}/{PAGE}")}
    context.workspace.publish_json(f"{folder}/{NUMBERS}", result)
    context.workspace.publish_bytes(f"{folder}/{PLOT}", png, with_hash=False)
    context.workspace.publish_bytes(f"{folder}/{PAGE}", page.encode(), with_hash=False)
    with tempfile.TemporaryDirectory(prefix="tmkd-search-") as name:
        for file, content in ((PLOT, png), (PAGE, page.encode())):
            Path(name, file).write_bytes(content)
            context.run.file(Path(name, file), "report")
    context.run.metrics({
        "chosen_validation_accuracy": found.chosen.quality, "chosen_milliseconds": found.chosen.milliseconds,
        "ensemble_validation_accuracy": found.ensemble,
    })  # fmt: skip
    context.run.tags({"chosen": found.chosen.trial})
    _show(found)
    note(f"report: {result['page']}")
    return result


def _show(found: Searched) -> None:
    _speeds(found)
    states = [each.state for each in found.tried]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("whole", "stopped", "failed"))
    show_table(f"Pareto front of {len(states)} trials ({counts})", COLUMNS, rows(found))
    note(f"chosen: {_title(found.chosen)}, {found.chosen.milliseconds:.2f} ms a pair")


def _speeds(found: Searched) -> None:
    runtimes = list(dict.fromkeys(name for speed in found.speed.values() for name in speed.each))
    table = []
    for shape, speed in found.speed.items():
        cells = [speed.each.get(name) for name in runtimes]
        said = [f"{c.milliseconds:.2f} / {c.pairs_per_second:,.0f}" + ("" if c.is_faithful else " *") if c else "-"
                for c in cells]  # fmt: skip
        table.append([shape, *said])
    show_table("ms a pair / pairs a second, alone (* says something else than fp32)", ["shape", *runtimes], table)


def rows(found: Searched) -> list[list[Any]]:
    """Return a row for every student of the front, and the ensemble's."""
    proof = found.proof
    lines = []
    for each in found.front:
        judged: list[Any] = [None, None, None, None]
        if proof is not None:
            interval, difference = proof.interval(each.trial), proof.difference(each.trial, ENSEMBLE)
            share = interval.estimate / max(proof.interval(ENSEMBLE).estimate, 1e-9)
            judged = [
                interval.estimate,
                f"{interval.low:.3f}-{interval.high:.3f}",
                f"{share:.3f}",
                f"{difference.p:.4f}",
            ]
        mark = " *" if each.trial == found.chosen.trial else ""
        lines.append([
            _title(each) + mark, _settings(each), each.quality, f"{each.milliseconds:.2f}",
            f"{each.pairs_per_second:,.0f}", *judged,
        ])  # fmt: skip
    if proof is not None:
        interval = proof.interval(ENSEMBLE)
        low_high = f"{interval.low:.3f}-{interval.high:.3f}"
        lines.append([ENSEMBLE, "", found.ensemble, None, None, interval.estimate, low_high, "1.000", None])
    return lines


def as_markdown(found: Searched, command: str, caveats: Sequence[str] = ()) -> str:
    """Return the page: what was asked, the front, the plot; ``caveats`` stand above the figures."""
    cells = [COLUMNS, ["---"] * len(COLUMNS), *([_cell(value) for value in row] for row in rows(found))]
    table = "\n".join("| " + " | ".join(row) + " |" for row in cells)
    states = [each.state for each in found.tried]
    return f"""# Search {found.study}

`{command}`
{"".join(f"{chr(10)}**{caveat}**{chr(10)}" for caveat in caveats)}
{len(states)} trials: {states.count("whole")} trained to the end, {states.count("stopped")} stopped by ASHA,
{states.count("failed")} failed. The front, the fastest first; `*` is the student that was chosen. *validation* is the
accuracy that it was chosen by (`--at-least` is a share of the ensemble's there); *judged* is accuracy on the
{found.split} split, *of the ensemble* its share there, p that of its difference from the ensemble over questions
(the larger one of a paired bootstrap's and of Student's t).

{table}

![quality against time]({PLOT})
"""


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def draw(found: Searched) -> Figure:
    """Draw every whole trial's validation accuracy against its time, with the front."""
    figure, axes = blank(8, 5)
    whole = [each for each in found.tried if each.state == "whole"]
    points = [(each.result["milliseconds"], each.result["validation_accuracy"]) for each in whole]
    axes.plot([x for x, _ in points], [y for _, y in points], "o", color="#9aa5b1", label="trial", markersize=5)
    front = [(each.milliseconds, each.quality) for each in found.front]
    axes.plot([x for x, _ in front], [y for _, y in front], "o--", color="#c2410c", label="Pareto front")
    axes.plot([found.chosen.milliseconds], [found.chosen.quality], "*", color="#c2410c", markersize=16, label="chosen")
    axes.axhline(found.ensemble, color="#1d4ed8", linestyle=":", label="ensemble of the teachers")
    for each in found.front:
        place = (each.milliseconds, each.quality)
        axes.annotate(_title(each), place, xytext=(6, -12), textcoords="offset points", fontsize="small")
    axes.set_xlim(left=0)
    axes.set(xlabel="milliseconds a pair, alone, fastest faithful runtime", ylabel="validation accuracy")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return figure


def as_json(found: Searched) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    judged = {}
    if found.proof is not None:
        names = [*(each.trial for each in found.front), ENSEMBLE]
        judged = {name: dataclasses.asdict(found.proof.interval(name)) for name in names}
    return {
        "study": found.study,
        "chosen": dataclasses.asdict(found.chosen),
        "front": [dataclasses.asdict(each) for each in found.front],
        "ensemble_validation_accuracy": found.ensemble,
        "judged": judged,
        "speed": {name: each.as_json() for name, each in found.speed.items()},
        "trials": [dataclasses.asdict(each) for each in found.tried],
    }


def _title(each: Candidate) -> str:
    return str(each.settings["shape"])


def _settings(each: Candidate) -> str:
    hidden = ("shape", "student", "layers", "hidden")
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in each.settings.items()
        if name not in hidden
    )
